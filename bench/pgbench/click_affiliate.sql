\set id random(1, 1000000000000000)
\set link random(1, 200)
INSERT INTO affiliate.click (click_id, program_id, link_id, visitor_id, landing_url, country, device) VALUES ('click-' || :id, 'prop', 'link-' || :link, 'visitor-' || :id, 'https://example.com/?ref=' || :link, 'DE', 'mobile');
