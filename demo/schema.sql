-- Two restaurants on one database: the tables of the demo, their tenants and first rows.

CREATE SCHEMA realtime;
CREATE EXTENSION pg_realtime SCHEMA realtime;

CREATE TABLE tenants (
    number int PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    name text NOT NULL
);
INSERT INTO tenants VALUES
    (1, '11111111-1111-4111-8111-111111111111', 'Trattoria Uno'),
    (2, '22222222-2222-4222-8222-222222222222', 'Bistro Due');

CREATE TYPE order_status AS ENUM ('received', 'preparing', 'ready', 'delivered', 'cancelled');
CREATE TYPE reservation_status AS ENUM ('requested', 'confirmed', 'seated', 'cancelled');

-- The tenant stands first in each primary key: a DELETE then says whose row it was.
CREATE TABLE orders (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id bigint GENERATED ALWAYS AS IDENTITY,
    status order_status NOT NULL DEFAULT 'received',
    customer text NOT NULL,
    items jsonb NOT NULL,
    total numeric(10, 2) NOT NULL,
    tags text[] NOT NULL DEFAULT '{}',
    placed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE menu_items (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    category text NOT NULL,
    price numeric(8, 2) NOT NULL,
    allergens text[] NOT NULL DEFAULT '{}',
    available boolean NOT NULL DEFAULT true,
    details jsonb,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE reservations (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id bigint GENERATED ALWAYS AS IDENTITY,
    status reservation_status NOT NULL DEFAULT 'requested',
    guest text NOT NULL,
    party_size smallint NOT NULL,
    table_numbers int[] NOT NULL DEFAULT '{}',
    starts_at timestamptz NOT NULL,
    notes text,
    PRIMARY KEY (tenant_id, id)
);

SELECT realtime.realtime_add_table('orders');
SELECT realtime.realtime_add_table('menu_items');
SELECT realtime.realtime_add_table('reservations');

INSERT INTO menu_items (tenant_id, name, category, price, allergens, details)
SELECT tenants.id, dish.name, dish.category, dish.price, dish.allergens, dish.details
FROM tenants,
    (VALUES
        ('Margherita', 'pizza', 9.50, '{gluten,milk}'::text[], '{"vegetarian": true, "diameter_cm": 32}'::jsonb),
        ('Saltimbocca', 'mains', 21.00, '{milk}', '{"sides": ["polenta", "spinach"]}'),
        ('Crème brûlée', 'desserts', 7.80, '{egg,milk}', '{"served": "cold"}'),
        ('Espresso', 'drinks', 2.40, '{}', NULL)) AS dish (name, category, price, allergens, details);

INSERT INTO orders (tenant_id, status, customer, items, total, placed_at)
SELECT tenants.id, 'delivered', 'Hedy', '[{"dish": "Margherita", "count": 2}]', 19.00, now() - make_interval(mins => 30 - minute)
FROM tenants, generate_series(1, 20) AS minute;

INSERT INTO reservations (tenant_id, status, guest, party_size, table_numbers, starts_at)
SELECT tenants.id, 'confirmed', 'Hedy', 2, ARRAY[hour], date_trunc('hour', now()) + make_interval(hours => hour)
FROM tenants, generate_series(1, 10) AS hour;

-- Hedy works at the first restaurant. The gateway logs in as a role of its own.
INSERT INTO realtime.tenant_memberships (tenant_id, user_id, role)
VALUES ('11111111-1111-4111-8111-111111111111', 'aaaaaaaa-1111-4111-8111-111111111111', 'owner');
CREATE ROLE demo_gateway LOGIN REPLICATION;
GRANT realtime_gateway, realtime_reader, realtime_writer TO demo_gateway;
GRANT SELECT ON orders, menu_items, reservations TO realtime_writer;
DO $$
DECLARE
  shown text;
BEGIN
  FOREACH shown IN ARRAY ARRAY['orders', 'menu_items', 'reservations'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', shown);
    EXECUTE format('CREATE POLICY of_tenant ON %I USING (tenant_id = ANY ((SELECT realtime.realtime_tenant_ids())::uuid[]))', shown);
  END LOOP;
END
$$;
