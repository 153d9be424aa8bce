-- The multi-tenant orders workload: a table as a restaurant platform has it, and one procedure for each kind of change.
-- Values depend on the row number alone, so that every load writes the same bytes.

CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    status text NOT NULL,
    customer jsonb NOT NULL,
    total numeric(12,2) NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    note text
);
CREATE INDEX orders_tenant_id_id_idx ON orders (tenant_id, id);

-- Decoding with a publication of this table is the floor: every record is decoded, nothing is written.
CREATE TABLE unrelated (id int PRIMARY KEY);

CREATE SCHEMA workload;

-- 500 tenants; the busiest has 4.5 % of the orders, the tenth 0.7 %, the last 0.1 %.
CREATE FUNCTION workload.tenant(n bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE
RETURN ('00000000-0000-4000-8000-' ||
        lpad((1 + floor(500 * power((n * 7919 % 1000003) / 1000003.0, 2)))::bigint::text, 12, '0'))::uuid;

CREATE FUNCTION workload.customer(n bigint) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN jsonb_build_object(
        'name', 'Customer ' || n % 90000,
        'email', 'customer' || n % 90000 || '@example.com',
        'address', jsonb_build_object('street', 'Long Street ' || n % 300, 'zip', to_char(10000 + n % 80000, 'FM00000'),
                                      'city', 'Springfield'),
        'tags', jsonb_build_array('regular', 'terrace'),
        'visits', n % 250);

CREATE PROCEDURE workload.insert_orders(first bigint, last bigint, per_transaction int)
LANGUAGE plpgsql AS $$
DECLARE
    start bigint := first;
BEGIN
    WHILE start <= last LOOP
        INSERT INTO public.orders (tenant_id, status, customer, total, created_at, updated_at, note)
        SELECT workload.tenant(n), (ARRAY['pending', 'confirmed', 'preparing', 'delivered'])[1 + n % 4],
               workload.customer(n), (n * 37 % 2000000) / 100.0,
               timestamptz '2026-01-01 00:00:00+00' + n * interval '1.234567 s',
               timestamptz '2026-01-01 00:00:00+00' + n * interval '1.234567 s',
               CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN 'ring the "left" bell, order ' || n
                          ELSE 'no onions, order ' || n END
        FROM generate_series(start, least(last, start + per_transaction - 1)) n
        ORDER BY n;
        COMMIT;
        start := start + per_transaction;
    END LOOP;
END
$$;

-- Rows are taken with a stride, so that one transaction touches many tenants and pages.
CREATE PROCEDURE workload.update_orders(first bigint, last bigint, stride bigint, per_transaction int)
LANGUAGE plpgsql AS $$
DECLARE
    start bigint := first;
BEGIN
    WHILE start <= last LOOP
        UPDATE public.orders
        SET status = 'delivered', total = total + 1.25, updated_at = updated_at + interval '37.5 min'
        WHERE id IN (SELECT n * stride FROM generate_series(start, least(last, start + per_transaction - 1)) n);
        COMMIT;
        start := start + per_transaction;
    END LOOP;
END
$$;

CREATE PROCEDURE workload.delete_orders(first bigint, last bigint, stride bigint, per_transaction int)
LANGUAGE plpgsql AS $$
DECLARE
    start bigint := first;
BEGIN
    WHILE start <= last LOOP
        DELETE FROM public.orders
        WHERE id IN (SELECT n * stride FROM generate_series(start, least(last, start + per_transaction - 1)) n);
        COMMIT;
        start := start + per_transaction;
    END LOOP;
END
$$;
