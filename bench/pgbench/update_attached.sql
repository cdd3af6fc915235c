\set id random(1, :rows)
UPDATE firm.payments SET note = 'seen' WHERE id = :id;
