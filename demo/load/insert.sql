-- A new order, and now and then a new reservation or dish.
\set tenant random(1, 2)
\set kind random(1, 10)
\set customer random(1, 8)
\set first random(1, 4)
\set second random(1, 4)
\set cents random(240, 12900)
\set people random(1, 9)
BEGIN;
INSERT INTO orders (tenant_id, customer, items, total, tags)
SELECT id,
    (ARRAY['Ada', 'Björk', 'Chidi', 'Dolores', 'Ειρήνη', 'Farid', 'Grace', '花子'])[:customer],
    jsonb_build_array(
        jsonb_build_object('dish', (ARRAY['Margherita', 'Saltimbocca', 'Crème brûlée', 'Espresso'])[:first], 'count', :people),
        jsonb_build_object('dish', (ARRAY['Margherita', 'Saltimbocca', 'Crème brûlée', 'Espresso'])[:second], 'count', 1)),
    :cents / 100.0,
    CASE WHEN :people > 6 THEN '{large,call first}'::text[] WHEN :people = 1 THEN '{takeaway}' ELSE '{}' END
FROM tenants WHERE number = :tenant AND :kind <= 6;
INSERT INTO reservations (tenant_id, guest, party_size, table_numbers, starts_at, notes)
SELECT id,
    (ARRAY['Ada', 'Björk', 'Chidi', 'Dolores', 'Ειρήνη', 'Farid', 'Grace', '花子'])[:customer],
    :people,
    CASE WHEN :people > 6 THEN ARRAY[:first, :first + 1] ELSE ARRAY[:first] END,
    date_trunc('hour', now()) + make_interval(hours => :cents / 100),
    CASE WHEN :people > 6 THEN E'birthday\n"quiet" table' END
FROM tenants WHERE number = :tenant AND :kind BETWEEN 7 AND 9;
INSERT INTO menu_items (tenant_id, name, category, price, details)
SELECT id, 'Dish of the day ' || :cents, 'mains', :cents / 500.0, jsonb_build_object('chef', :customer)
FROM tenants WHERE number = :tenant AND :kind = 10;
COMMIT;
