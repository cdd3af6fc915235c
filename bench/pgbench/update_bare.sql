\set id random(1, :rows)
UPDATE firm.payments_bare SET note = 'seen' WHERE id = :id;
