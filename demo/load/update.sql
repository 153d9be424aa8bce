-- One step on for a recent order, and now and then for a reservation or a price.
\set tenant random(1, 2)
\set kind random(1, 10)
\set status random(2, 4)
\set back random(0, 9)
\set cents random(240, 2900)
BEGIN;
UPDATE orders SET status = (ARRAY['received', 'preparing', 'ready', 'delivered']::order_status[])[:status]
WHERE :kind <= 6 AND (tenant_id, id) = (
    SELECT orders.tenant_id, orders.id FROM orders JOIN tenants ON tenants.id = tenant_id
    WHERE number = :tenant ORDER BY orders.id DESC OFFSET :back LIMIT 1);
UPDATE reservations SET status = (ARRAY['requested', 'confirmed', 'seated', 'cancelled']::reservation_status[])[:status]
WHERE :kind BETWEEN 7 AND 8 AND (tenant_id, id) = (
    SELECT reservations.tenant_id, reservations.id FROM reservations JOIN tenants ON tenants.id = tenant_id
    WHERE number = :tenant ORDER BY reservations.id DESC OFFSET :back LIMIT 1);
UPDATE menu_items SET price = :cents / 100.0, available = :status > 2
WHERE :kind BETWEEN 9 AND 10 AND (tenant_id, id) = (
    SELECT menu_items.tenant_id, menu_items.id FROM menu_items JOIN tenants ON tenants.id = tenant_id
    WHERE number = :tenant ORDER BY menu_items.id OFFSET :back % 4 LIMIT 1);
COMMIT;
