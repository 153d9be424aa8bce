-- An old row of a tenant, so that the tables stay small however long the demo runs; a few always stay.
\set tenant random(1, 2)
\set kind random(1, 10)
BEGIN;
DELETE FROM orders
WHERE :kind <= 6 AND (tenant_id, id) = (
    SELECT orders.tenant_id, orders.id FROM orders JOIN tenants ON tenants.id = tenant_id
    WHERE number = :tenant ORDER BY orders.id DESC OFFSET 15 LIMIT 1);
DELETE FROM reservations
WHERE :kind BETWEEN 7 AND 9 AND (tenant_id, id) = (
    SELECT reservations.tenant_id, reservations.id FROM reservations JOIN tenants ON tenants.id = tenant_id
    WHERE number = :tenant ORDER BY reservations.id DESC OFFSET 8 LIMIT 1);
DELETE FROM menu_items
WHERE :kind = 10 AND (tenant_id, id) = (
    SELECT menu_items.tenant_id, menu_items.id FROM menu_items JOIN tenants ON tenants.id = tenant_id
    WHERE number = :tenant AND menu_items.name LIKE 'Dish of the day%' ORDER BY menu_items.id DESC OFFSET 3 LIMIT 1);
COMMIT;
