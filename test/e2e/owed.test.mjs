// What is owed to whom: rows say what they lack, replay begins where a membership began, and who is away misses broadcasts.
import { test, before, after, describe } from 'node:test'
import { Stage, assert, member, rawSocket, tenants, until, users } from './support.mjs'

const live = (m) => m[4].message === 'Subscribed to PostgreSQL'
const changes = (socket) => socket.messages.filter((m) => m[3] === 'postgres_changes').map((m) => m[4].data)

// A raw connection that is live with these bindings.
async function watch(stage, user, ...bindings) {
  const socket = await rawSocket(stage)
  socket.push('1', '1', 'realtime:a', 'phx_join', { config: { postgres_changes: bindings.map((binding) => ({ event: '*', schema: 'public', ...binding })) }, access_token: member(user) })
  await socket.find('system', live)
  return socket
}

// Server-sent events, read until stop().
async function events(stage, query, headers = {}) {
  const control = new AbortController()
  const response = await fetch(`${stage.url}/realtime/v1/stream?${query}`, { headers: { authorization: `Bearer ${member(0)}`, ...headers }, signal: control.signal })
  const stream = { list: [], stop: () => control.abort() }
  ;(async () => {
    let text = ''
    for await (const chunk of response.body) {
      text += Buffer.from(chunk).toString()
      for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
        const fields = Object.fromEntries(text.slice(0, end).split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]))
        if (fields.data) stream.list.push({ ...fields, data: JSON.parse(fields.data) })
      }
    }
  })().catch(() => {})
  await until(() => stream.list.some((one) => one.data.message === 'Subscribed to PostgreSQL'), 'event stream is live')
  stream.changes = () => stream.list.filter((one) => one.event === 'postgres_changes').map((one) => one.data)
  return stream
}

describe('what is owed', () => {
  let stage
  before(async () => {
    stage = await Stage.start()
    stage.sql('ALTER TABLE orders ALTER note SET STORAGE EXTERNAL')
  })
  after(() => stage.stop())
  const large = "repeat('x', 20000)"

  test('a large column that did not change is named, on WebSocket, in rows with marks and on event streams', async () => {
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, [{ event: 'UPDATE', table: 'orders', marks: true }])
    const socket = await watch(stage, 0, { event: 'UPDATE', table: 'orders' }, { event: 'UPDATE', table: 'orders', select: ['status'] })
    const stream = await events(stage, 'table=orders&event=UPDATE')
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1, 'new', 1, ${large}); UPDATE orders SET status = 'paid' WHERE id = 1; UPDATE orders SET note = 'small' WHERE id = 1`)
    await until(() => channel.events.length === 2 && changes(socket).length === 4 && stream.changes().length === 2, 'two updates each')
    const [paid, small] = channel.events.map((event) => event.new)
    assert.ok(!('note' in paid))
    assert.deepEqual(paid.$realtime.unchanged_toast, ['note'])
    assert.equal(small.note, 'small')
    assert.ok(!('unchanged_toast' in small.$realtime))
    assert.deepEqual(changes(socket).map((data) => ['status' in data.record && 'total' in data.record, data.unchanged_toast]), [[true, ['note']], [false, undefined], [true, undefined], [false, undefined]])
    assert.deepEqual(stream.changes().map((data) => data.unchanged_toast), [['note'], undefined])
    socket.close()
    stream.stop()
    await client.disconnect()
    stage.sql('DELETE FROM orders')
  })

  test('a row that moves to another tenant is an INSERT there that names the large columns which the WAL does not hold', async () => {
    const [old, fresh] = [await watch(stage, 0, { table: 'orders' }), await watch(stage, 1, { table: 'orders' })]
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 2, 'new', 1, ${large}); UPDATE orders SET tenant_id = '${tenants[1]}' WHERE id = 2`)
    await until(() => changes(old).length === 2 && changes(fresh).length === 1, 'both')
    assert.deepEqual(changes(old).map((data) => data.type), ['INSERT', 'DELETE'])
    const [moved] = changes(fresh)
    assert.deepEqual([moved.type, moved.record.id, moved.record.status, 'note' in moved.record, moved.unchanged_toast], ['INSERT', 2, 'new', false, ['note']])
    for (const socket of [old, fresh]) socket.close()
    stage.sql('DELETE FROM orders')
  })

  test('a rename is told once to a client, however many bindings it has to the table', async () => {
    stage.sql(`CREATE TABLE things (id int PRIMARY KEY, name text); SELECT realtime_add_table('things', access => 'public')`)
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, ['*', 'INSERT', 'UPDATE'].map((event) => ({ event, table: 'things' })).concat({ event: '*', table: 'things', filter: 'name=eq.a' }))
    stage.sql(`INSERT INTO things VALUES (1, 'a')`)
    await until(() => channel.events.length === 3, 'events')
    stage.sql(`ALTER TABLE things RENAME TO stuff; INSERT INTO stuff VALUES (2, 'b')`)
    const last = await stage.subscribe(client, [{ event: '*', table: 'stuff' }], { topic: 'last' })
    stage.sql(`INSERT INTO stuff VALUES (3, 'c')`)
    await until(() => last.events.some((event) => event.new.id === 3), 'what follows is out')
    assert.equal(channel.system.filter((m) => /table public\.things was renamed/.test(m.message)).length, 1)
    await client.disconnect()
  })

  test('TRUNCATE on an event stream carries the cursor behind which it goes on', async () => {
    const stream = await events(stage, 'table=plans')
    stage.sql(`TRUNCATE plans; INSERT INTO plans VALUES (1, 'behind it')`)
    await until(() => stream.changes().length === 1, 'event')
    const truncated = stream.list.find((one) => /plans was truncated/.test(one.data.message))
    assert.equal(truncated.event, 'system')
    assert.equal(truncated.data.refetch, true)
    assert.match(truncated.id, /^\w+\/\w+-\w+\/\w+$/)
    assert.equal(truncated.data.cursor, truncated.id)
    stream.stop()
    const again = await events(stage, 'table=plans', { 'last-event-id': truncated.id })
    await until(() => again.changes().length === 1, 'what is behind it')
    assert.ok(!again.list.some((one) => one.data.refetch))
    again.stop()
  })

  test('who becomes a member again is told to read, and gets no row of the time between behind newer ones', async () => {
    stage.sql(`INSERT INTO tenant_memberships VALUES ('${tenants[1]}', '${users[0]}')`)
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, [{ event: '*', table: 'orders' }])
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 10, 'seen')`)
    const cursor = (await until(() => channel.events.length === 1 && channel.system.find((m) => m.message === 'cursor'), 'cursor')).cursor
    await client.disconnect()
    stage.sql(`DELETE FROM tenant_memberships WHERE user_id = '${users[0]}' AND tenant_id = '${tenants[0]}';
      INSERT INTO orders VALUES ('${tenants[0]}', 11, 'of the time between'), ('${tenants[1]}', 12, 'of another tenant');
      INSERT INTO tenant_memberships VALUES ('${tenants[0]}', '${users[0]}');
      INSERT INTO orders VALUES ('${tenants[0]}', 13, 'behind it')`)
    const second = await stage.client(0)
    const again = await stage.subscribe(second, [{ event: '*', table: 'orders', since: cursor }])
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 14, 'live')`)
    await until(() => again.events.some((event) => event.new.id === 14), 'the last one')
    assert.deepEqual(again.events.map((event) => event.new.id).filter((id) => id !== 10), [12, 13, 14])
    // The cursor of the message is the one from which the others are replayed: who is cut off now loses nothing with it.
    assert.deepEqual(again.system.filter((m) => m.refetch).map((m) => [m.message, m.cursor]), [['Refetch: the user became a member of a tenant behind the given cursor', cursor]])
    await second.disconnect()
    stage.sql(`DELETE FROM tenant_memberships WHERE user_id = '${users[0]}' AND tenant_id = '${tenants[1]}'; DELETE FROM orders`)
  })

  test('behind a cursor that is too old the subscription goes on from the cursor that the message names', async () => {
    const first = await watch(stage, 0, { table: 'orders', since: '0/1-0/0' })
    const told = await first.find('system', (m) => m[4].refetch)
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 20), ('${tenants[0]}', 21)`)
    await until(() => changes(first).length === 2, 'both')
    const second = await watch(stage, 0, { table: 'orders', since: told[4].cursor })
    await until(() => changes(second).length === 2, 'both again')
    assert.deepEqual(changes(second).map((data) => data.record.id), [20, 21])
    assert.ok(!second.messages.some((m) => m[4].refetch))
    for (const socket of [first, second]) socket.close()
    stage.sql('DELETE FROM orders')
  })

  test('broadcasts reach those who are joined when they come, also late; who is away is owed none', async () => {
    const say = (word) => stage.sql(`SELECT realtime_broadcast('${tenants[0]}', 'room', 'said', '{"word": "${word}"}')`)
    const listen = async () => {
      const client = await stage.client(0)
      const heard = [], system = []
      const channel = client.channel('room', { config: { private: true, broadcast: { replication_ready: true } } })
      channel.on('broadcast', { event: 'said' }, (message) => heard.push(message.payload.word)).on('system', {}, (message) => system.push(message.message)).subscribe()
      const ready = () => until(() => system.includes('Replication connection established'), 'ready')
      await ready()
      return { client, heard, ready, system }
    }
    const away = await listen()
    await away.client.disconnect()
    const present = await listen()
    say('one')
    // The stream breaks off: who stays joined is told when it is back.
    stage.sql(`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${stage.database}'`)
    say('two')
    await until(() => present.heard.length === 2, 'both')
    const back = await listen()
    say('three')
    await until(() => present.heard.length === 3 && back.heard.length === 1, 'the third one')
    assert.deepEqual([away.heard, present.heard, back.heard], [[], ['one', 'two', 'three'], ['three']])
    // The gateway is away: nobody is joined.
    await stage.stopGateway('SIGKILL')
    say('four')
    present.system.length = 0
    await stage.startGateway()
    await present.ready()
    say('five')
    await until(() => present.heard.includes('five'), 'the fifth one')
    assert.deepEqual(present.heard, ['one', 'two', 'three', 'five'])
    for (const one of [present, back]) await one.client.disconnect()
  })
})
