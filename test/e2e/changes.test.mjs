// Row changes as the stock clients see them: whose, which, in which form.
import { test, before, after, describe } from 'node:test'
import { createClient } from '@supabase/supabase-js'
import { RealtimeClient as OldestClient } from 'realtime-js-oldest'
import { Stage, RealtimeClient, anonymous, assert, member, rawSocket, sleep, tenants, token, until, users, ws } from './support.mjs'

describe('changes', () => {
  let stage
  before(async () => { stage = await Stage.start() })
  after(() => stage.stop())
  const clean = () => stage.sql('DELETE FROM orders; DELETE FROM plans')

  for (const [name, library] of [['newest', RealtimeClient], ['2.109', OldestClient]]) {
    for (const vsn of ['1.0.0', '2.0.0']) {
      test(`a tenant receives its rows and no other, client ${name}, vsn ${vsn}`, async () => {
        const client = await stage.client(0, { vsn, library })
        const channel = await stage.subscribe(client, [{ event: '*', table: 'orders' }])
        stage.sql(`INSERT INTO orders VALUES ('${tenants[1]}', 1, 'theirs', 1), ('${tenants[0]}', 1, 'ours', 12.5);
                   UPDATE orders SET status = 'done'; DELETE FROM orders`)
        await until(() => channel.events.length >= 3, 'three events')
        assert.deepEqual(channel.events.map((e) => [e.eventType, e.new.tenant_id ?? e.old.tenant_id, e.new.status]),
          [['INSERT', tenants[0], 'ours'], ['UPDATE', tenants[0], 'done'], ['DELETE', tenants[0], undefined]])
        assert.deepEqual(channel.events[0].new, { tenant_id: tenants[0], id: 1, status: 'ours', total: 12.5, note: null })
        assert.deepEqual(channel.events[2].old, { tenant_id: tenants[0], id: 1 })
        assert.equal(channel.events[0].errors, null)
        assert.equal(await client.removeChannel(channel), 'ok')
        await client.disconnect()
        assert.equal(channel.events.length, 3)
      })
    }
  }

  test('public tables reach everybody, tables that are not registered nobody', async () => {
    const client = await stage.client(null)
    const channel = await stage.subscribe(client, [{ event: '*', table: 'plans' }, { event: '*', table: 'secrets' }], { wait: false })
    await until(() => channel.system.some((s) => s.status === 'error' && /table public\.secrets is not streamed/.test(s.message)), 'what is missing')
    await until(() => channel.system.some((s) => s.extension === 'cursor'), 'the rest is live')
    stage.sql(`INSERT INTO secrets VALUES (1, '${tenants[0]}'); INSERT INTO plans VALUES (7, 'free'); DELETE FROM secrets`)
    await until(() => channel.events.length > 0, 'an event')
    assert.deepEqual(channel.events.map((e) => e.table), ['plans'])
    await client.disconnect()
    clean()
  })

  test('filters with not, in, or, like; select; several bindings of one channel', async () => {
    const client = await stage.client(0)
    const got = { eq: [], or: [], not: [], select: [], del: [] }
    const channel = client.channel('filters')
    const on = (key, binding) => channel.on('postgres_changes', { schema: 'public', table: 'orders', event: '*', ...binding }, (e) => got[key].push(e))
    on('eq', { filter: 'status=eq.new' })
    on('or', { filter: 'or=(id.in.(3,4),note.like.%needle%)' })
    on('not', { filter: 'id=not.in.(1,2)', event: 'INSERT' })
    on('select', { select: ['status'], event: 'INSERT' })
    on('del', { event: 'DELETE', filter: 'id=eq.2' })
    let live = false
    channel.on('system', {}, (s) => { live ||= s.message === 'Subscribed to PostgreSQL' }).subscribe()
    await until(() => live, 'live')
    stage.sql(`INSERT INTO orders SELECT '${tenants[0]}', i, CASE WHEN i % 2 = 0 THEN 'new' ELSE 'old' END, i, CASE WHEN i = 1 THEN 'a needle b' END FROM generate_series(1, 4) i;
               UPDATE orders SET status = 'new' WHERE id = 1; DELETE FROM orders WHERE id IN (1, 2)`)
    await until(() => got.del.length === 1 && got.eq.length >= 3, 'events')
    assert.deepEqual(got.eq.map((e) => [e.eventType, e.new.id]), [['INSERT', 2], ['INSERT', 4], ['UPDATE', 1]])
    assert.deepEqual(got.or.map((e) => [e.eventType, e.new.id]), [['INSERT', 1], ['INSERT', 3], ['INSERT', 4], ['UPDATE', 1]])
    assert.deepEqual(got.not.map((e) => e.new.id), [3, 4])
    assert.deepEqual(got.select[0].new, { tenant_id: tenants[0], id: 1, status: 'old' })
    assert.deepEqual(got.del.map((e) => e.old.id), [2])
    await client.disconnect()
    clean()
  })

  test('chosen columns are all that is sent, with the key, also where the whole old row is logged', async () => {
    stage.sql(`CREATE TABLE tickets (id int PRIMARY KEY, tenant_id uuid, title text, secret text); SET client_min_messages = error; SELECT realtime_add_table('tickets')`)
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, [{ event: '*', table: 'tickets', select: ['title'], marks: true }])
    stage.sql(`INSERT INTO tickets VALUES (1, '${tenants[0]}', 'a', 's'); UPDATE tickets SET title = 'b'; DELETE FROM tickets`)
    await until(() => channel.events.length === 3, 'events')
    const cursors = channel.events.map((e) => (e.eventType === 'DELETE' ? e.old : e.new).$realtime.cursor)
    assert.deepEqual(channel.events.map((e) => [e.new, e.old]), [
      [{ $realtime: { cursor: cursors[0] }, id: 1, title: 'a' }, {}],
      [{ $realtime: { cursor: cursors[1] }, id: 1, title: 'b' }, { id: 1, title: 'a' }],
      [{}, { $realtime: { cursor: cursors[2] }, id: 1, title: 'b' }]])
    assert.equal(new Set(cursors).size, 3)
    await client.disconnect()
  })

  test('a row that leaves a filter is told to those who asked for it', async () => {
    const client = await stage.client(0)
    stage.sql('ALTER TABLE orders REPLICA IDENTITY FULL')
    const leaving = await stage.subscribe(client, [{ event: 'UPDATE', table: 'orders', filter: 'status=eq.new', leaving: true }], { topic: 'leaving' })
    const staying = await stage.subscribe(client, [{ event: 'UPDATE', table: 'orders', filter: 'status=eq.new' }], { topic: 'staying' })
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1, 'new'); UPDATE orders SET status = 'done'; UPDATE orders SET status = 'new'`)
    await until(() => leaving.events.length === 2 && staying.events.length === 1, 'events')
    assert.deepEqual(leaving.events.map((e) => e.new.status), ['done', 'new'])
    assert.deepEqual(staying.events.map((e) => e.new.status), ['new'])
    stage.sql('ALTER TABLE orders REPLICA IDENTITY DEFAULT')
    await client.disconnect()
    clean()
  })

  test('who watches a table that is renamed, or whose filtered column is, is told so', async () => {
    stage.sql(`CREATE TABLE things (id int PRIMARY KEY, kind text); SELECT realtime_add_table('things', access => 'public')`)
    const client = await stage.client(null)
    const filtered = await stage.subscribe(client, [{ event: '*', table: 'things', filter: 'kind=eq.a' }], { topic: 'filtered' })
    const all = await stage.subscribe(client, [{ event: '*', table: 'things' }], { topic: 'all' })
    stage.sql(`INSERT INTO things VALUES (1, 'a'); ALTER TABLE things RENAME kind TO sort; INSERT INTO things VALUES (2, 'a')`)
    await until(() => filtered.system.some((s) => s.status === 'error' && s.refetch && /nothing passes the filter any more: column "kind" does not exist/.test(s.message)), 'notice')
    await until(() => all.events.length === 2, 'both')
    assert.equal(filtered.events.length, 1)
    stage.sql(`ALTER TABLE things RENAME TO others; INSERT INTO others VALUES (3, 'a')`)
    for (const channel of [filtered, all]) {
      await until(() => channel.system.some((s) => /table public.things was renamed; join again/.test(s.message)), 'notice')
    }
    await client.disconnect()
  })

  test('a truncated table is told to everybody who watches it', async () => {
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, [{ event: '*', table: 'orders' }])
    stage.sql('TRUNCATE orders')
    const told = await until(() => channel.system.find((s) => s.refetch), 'notice')
    assert.equal(told.message, 'table public.orders was truncated')
    await client.disconnect()
  })

  test('a row that moves to another tenant leaves the one and enters the other', async () => {
    const clients = [await stage.client(0), await stage.client(1)]
    const channels = [await stage.subscribe(clients[0], [{ event: '*', table: 'orders' }]), await stage.subscribe(clients[1], [{ event: '*', table: 'orders' }])]
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 5, 'x'); UPDATE orders SET tenant_id = '${tenants[1]}'`)
    await until(() => channels[0].events.length === 2 && channels[1].events.length === 1, 'events')
    assert.deepEqual(channels[0].events.map((e) => e.eventType), ['INSERT', 'DELETE'])
    assert.deepEqual(channels[1].events.map((e) => e.eventType), ['INSERT'])
    for (const client of clients) await client.disconnect()
    clean()
  })

  test('joining before the token is known never ends in silence', async () => {
    // supabase-js joins with the API key alone when the token comes late.
    let give
    const client = createClient(stage.url, anonymous, {
      accessToken: () => new Promise((resolve) => { give = () => resolve(member(0)) }),
      realtime: { transport: ws },
    })
    const channel = client.channel('race')
    const status = [], events = [], system = []
    channel.on('postgres_changes', { event: '*', schema: 'public', table: 'orders' }, (e) => events.push(e))
      .on('system', {}, (s) => system.push(s)).subscribe((s, e) => status.push([s, e?.message]))
    await sleep(300)
    await until(() => { give?.(); return system.some((s) => s.message === 'Subscribed to PostgreSQL') }, 'the channel becomes live once the token is known')
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 9, 'seen')`)
    await until(() => events.length === 1, 'event')
    await client.removeAllChannels()
    clean()
  })

  test('an anonymous subscriber of a protected table is told so', async () => {
    const client = await stage.client(null)
    const channel = await stage.subscribe(client, [{ event: '*', table: 'orders' }], { wait: false })
    const [, error] = await until(() => channel.status.find(([status]) => status === 'CHANNEL_ERROR'), 'refusal')
    assert.match(error, /Unauthorized: table public\.orders is for members of a tenant/)
    assert.ok(channel.system.some((s) => s.status === 'error' && /Unauthorized/.test(s.message)))
    await client.disconnect()
  })

  test('who is no member any more gets nothing that is committed later', async () => {
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, [{ event: '*', table: 'orders' }])
    const other = await stage.client(1)
    const theirs = await stage.subscribe(other, [{ event: '*', table: 'orders' }])
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1, 'before');
      BEGIN; DELETE FROM tenant_memberships WHERE user_id = '${users[0]}'; COMMIT;
      INSERT INTO orders VALUES ('${tenants[0]}', 2, 'after'), ('${tenants[1]}', 2, 'last')`)
    await until(() => theirs.events.length === 1, 'the last change is out')
    await until(() => channel.system.some((s) => /no member of tenant/.test(s.message)), 'notice')
    assert.deepEqual(channel.events.map((e) => e.new.status), ['before'])
    // And who becomes one gets what follows.
    stage.sql(`INSERT INTO tenant_memberships VALUES ('${tenants[0]}', '${users[0]}'); INSERT INTO orders VALUES ('${tenants[0]}', 3, 'again')`)
    await until(() => channel.events.length === 2, 'event')
    assert.equal(channel.events[1].new.status, 'again')
    for (const one of [client, other]) await one.disconnect()
    clean()
  })

  test('a token that expires ends the channel with the reason', async () => {
    const client = await stage.client(null)
    await client.setAuth(token({ role: 'authenticated', sub: users[0], exp: Math.floor(Date.now() / 1000) + 4 }))
    const channel = await stage.subscribe(client, [{ event: '*', table: 'orders' }])
    await until(() => channel.system.some((s) => /Token has expired/.test(s.message)), 'notice')
    await until(() => channel.status.some(([status]) => status === 'CLOSED'), 'close')
    await client.disconnect()
  })

  test('bad tokens are refused: unsigned, of another key, expired, without role', async () => {
    const none = Buffer.from('{"alg":"none"}').toString('base64url') + '.' + Buffer.from('{"role":"service_role","exp":9999999999}').toString('base64url') + '.'
    for (const bad of [none, token({ role: 'service_role' }, 'another-secret-of-more-than-32-bytes!'), token({ role: 'anon', exp: 1 }), token({}), 'x', '']) {
      const socket = await rawSocket(stage, { apikey: bad })
      socket.push('1', '1', 'realtime:a', 'phx_join', { config: {} })
      const reply = await socket.find('phx_reply')
      assert.equal(reply[4].status, 'error', bad)
      assert.match(reply[4].response.reason, /^(InvalidJWTToken|MalformedJWT|JwtSignatureError|Unauthorized): /)
      socket.close()
    }
  })

  test('the service role sees every tenant', async () => {
    const client = await stage.client(null)
    await client.setAuth(token({ role: 'service_role' }))
    const channel = await stage.subscribe(client, [{ event: 'INSERT', table: 'orders' }])
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1), ('${tenants[1]}', 1)`)
    await until(() => channel.events.length === 2, 'events')
    await client.disconnect()
    clean()
  })

  test('a binding to all tables, and a change too large for one message', async () => {
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, [{ event: '*', schema: 'public' }])
    stage.sql(`INSERT INTO plans VALUES (1, 'p'); INSERT INTO orders VALUES ('${tenants[0]}', 1, 'x', 1, repeat('y', 2000000))`)
    await until(() => channel.events.length === 2, 'events')
    assert.deepEqual(channel.events.map((e) => e.table), ['plans', 'orders'])
    assert.deepEqual(channel.events[1].errors, ['Error 413: Payload Too Large'])
    assert.equal(channel.events[1].new.id, 1)
    await client.disconnect()
    clean()
  })
})
