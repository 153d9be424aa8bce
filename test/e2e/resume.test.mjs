// Nothing is lost: cursors, restarts of everything, event streams, snapshots.
import { test, before, after, describe } from 'node:test'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Stage, assert, member, rawSocket, sleep, tenants, token, until, users } from './support.mjs'

const bindings = (since) => ({ config: { postgres_changes: [{ event: '*', schema: 'public', table: 'orders', ...(since && { since }) }] }, access_token: member(0) })
const ids = (socket) => socket.messages.filter((m) => m[3] === 'postgres_changes').map((m) => m[4].data.record?.id)

// Reads server-sent events until stop() is called.
async function events(stage, query, headers = {}) {
  const control = new AbortController()
  const response = await fetch(`${stage.url}/realtime/v1/stream?${query}`, { headers: { authorization: `Bearer ${member(0)}`, ...headers }, signal: control.signal })
  const stream = { response, list: [], stop: () => control.abort() }
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
  return stream
}

describe('resuming', () => {
  let stage
  before(async () => { stage = await Stage.start() })
  after(() => stage.stop())
  let next = 1
  const insert = (count = 1) => { const first = next; next += count; stage.sql(`INSERT INTO orders SELECT '${tenants[0]}', i, 'r' FROM generate_series(${first}, ${next - 1}) i`); return first }

  test('a subscriber gets exactly what it missed, then what follows', async () => {
    const one = await rawSocket(stage)
    one.push('1', '1', 'realtime:a', 'phx_join', bindings())
    await one.find('system')
    insert(5)
    await until(() => ids(one).length === 5, 'five')
    const cursor = one.messages.find((m) => m[3] === 'postgres_changes' && m[4].data.record.id === 2)[4].data.cursor
    one.terminate()
    insert(3)
    const two = await rawSocket(stage)
    two.push('1', '1', 'realtime:a', 'phx_join', bindings(cursor))
    await two.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
    insert(1)
    await until(() => ids(two).includes(next - 1), 'the last')
    assert.deepEqual(ids(two), [3, 4, 5, 6, 7, 8, 9])
    two.close()
  })

  test('the cursor of the system message resumes, too, and the stock client passes both on', async () => {
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, [{ event: '*', table: 'orders' }])
    insert(1)
    await until(() => channel.events.length === 1, 'event')
    const cursor = (await until(() => channel.system.find((s) => s.message === 'cursor'), 'cursor')).cursor
    await client.removeChannel(channel)
    const first = insert(2)
    const again = await stage.subscribe(client, [{ event: '*', table: 'orders', since: cursor }])
    await until(() => again.events.length === 2, 'events')
    assert.deepEqual(again.events.map((e) => e.new.id), [first, first + 1])
    await client.disconnect()
  })

  test('nothing is lost when the gateway is killed: who comes back resumes from the WAL', async () => {
    const one = await rawSocket(stage)
    one.push('1', '1', 'realtime:a', 'phx_join', bindings())
    await one.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
    const first = insert(2)
    await until(() => ids(one).length === 2, 'two')
    const cursor = one.messages.filter((m) => m[3] === 'postgres_changes')[0][4].data.cursor
    await stage.stopGateway('SIGKILL')
    insert(3)
    await stage.startGateway()
    const two = await rawSocket(stage)
    two.push('1', '1', 'realtime:a', 'phx_join', bindings(cursor))
    await two.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
    assert.deepEqual(ids(two), [first + 1, first + 2, first + 3, first + 4])
    // A fresh subscriber is not shown what is older than its subscription.
    const three = await rawSocket(stage)
    three.push('1', '1', 'realtime:a', 'phx_join', bindings())
    await three.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
    insert(1)
    await until(() => ids(three).length > 0, 'event')
    assert.deepEqual(ids(three), [next - 1])
    two.close()
    three.close()
  })

  test('live subscribers lose and repeat nothing when the walsender is killed', async () => {
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, [{ event: 'INSERT', table: 'orders' }])
    const first = next
    const repeated = await stage.metric('pg_realtimed_changes_repeated_total')
    for (let round = 0; round < 5; ++round) {
      insert(20)
      stage.sql(`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${stage.database}'`)
    }
    await until(() => channel.events.length >= 100, 'a hundred')
    await sleep(300)
    assert.deepEqual(channel.events.map((e) => e.new.id), Array.from({ length: 100 }, (_, i) => first + i))
    const again = await stage.metric('pg_realtimed_changes_repeated_total') - repeated
    assert.ok(again < 100, `the server sends again only what was cut off within a transaction, not ${again} changes`)
    await client.disconnect()
  })

  test('a cursor that is too old, or of another server, is answered with refetch', async () => {
    for (const since of ['0/1-0/0', 'FF/1-0/0']) {
      const socket = await rawSocket(stage)
      socket.push('1', '1', 'realtime:a', 'phx_join', bindings(since))
      const told = await socket.find('system', (m) => m[4].refetch)
      assert.match(told[4].message, /^Refetch: /)
      assert.match(told[4].cursor, /^[0-9A-F]+\/[0-9A-F]+-[0-9A-F]+\/[0-9A-F]+$/)
      const live = insert(1)
      await until(() => ids(socket).includes(live), 'live all the same')
      socket.close()
    }
  })

  test('an event stream sends the same, and resumes with Last-Event-ID', async () => {
    const one = await events(stage, 'table=orders&event=INSERT')
    assert.equal(one.response.headers.get('content-type'), 'text/event-stream')
    await until(() => one.list.some((e) => e.event === 'system'), 'live')
    const first = insert(3)
    await until(() => one.list.filter((e) => e.event === 'postgres_changes').length === 3, 'events')
    const change = one.list.filter((e) => e.event === 'postgres_changes')[0]
    assert.equal(change.data.record.id, first)
    one.stop()
    insert(1)
    const two = await events(stage, 'table=orders', { 'last-event-id': change.id })
    await until(() => two.list.filter((e) => e.event === 'postgres_changes').length === 3, 'missed events')
    assert.deepEqual(two.list.filter((e) => e.event === 'postgres_changes').map((e) => e.data.record.id), [first + 1, first + 2, first + 3])
    two.stop()
    assert.equal((await events(stage, 'table=orders', { 'last-event-id': 'nonsense' })).response.status, 400)
  })

  test('a snapshot and the changes behind its cursor are the table, while others write', async () => {
    stage.sql(`INSERT INTO orders VALUES ('${tenants[1]}', 1, 'theirs')`)
    for (let round = 0; round < 5; ++round) {
      const writing = (async () => { for (let i = 0; i < 5; ++i) { insert(2); stage.sql(`UPDATE orders SET total = ${i + round * 10} WHERE id % 3 = 0; DELETE FROM orders WHERE id = ${next - 2}`); await sleep(1) } })()
      const answer = await stage.get('/realtime/v1/snapshot?table=orders', member(0))
      assert.equal(answer.status, 200)
      const { cursor, rows } = await answer.json()
      assert.ok(rows.every((row) => row.tenant_id === tenants[0]), 'rows of the caller only')
      const socket = await rawSocket(stage)
      socket.push('1', '1', 'realtime:a', 'phx_join', bindings(cursor))
      await writing
      const wanted = stage.sql(`SELECT coalesce(jsonb_agg(o ORDER BY id), '[]') FROM orders o WHERE tenant_id = '${tenants[0]}'`)
      const table = () => {
        const state = new Map(rows.map((row) => [row.id, row]))
        for (const message of socket.messages.filter((m) => m[3] === 'postgres_changes')) {
          const { record, old_record, type } = message[4].data
          type === 'DELETE' ? state.delete(old_record.id) : state.set(record.id, record)
        }
        return [...state.values()].sort((a, b) => a.id - b.id)
      }
      const same = (rows) => JSON.stringify(rows.map((row) => Object.entries(row).sort()))
      await until(() => same(table()) === same(JSON.parse(wanted)), 'replayed table equals the table')
      socket.close()
    }
  })

  test('a table that was registered a moment ago has a snapshot at once, others have none', async () => {
    stage.sql(`CREATE TABLE fresh (id int PRIMARY KEY); INSERT INTO fresh VALUES (1); GRANT SELECT ON fresh TO realtime_writer; SELECT realtime_add_table('fresh', access => 'public')`)
    await sleep(1100)
    assert.deepEqual((await (await stage.get('/realtime/v1/snapshot?table=fresh', member(0))).json()).rows, [{ id: 1 }])
    assert.equal((await stage.get('/realtime/v1/snapshot?table=secrets', member(0))).status, 404)
  })

  test('behind a restore who has seen only what the server still has goes on, others read again', async () => {
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, [{ event: 'INSERT', table: 'orders' }])
    const one = await rawSocket(stage)
    one.push('1', '1', 'realtime:a', 'phx_join', bindings())
    await one.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
    const first = insert(3)
    await until(() => ids(one).length === 3 && channel.events.length === 3, 'three')
    const cursors = one.messages.filter((m) => m[3] === 'postgres_changes').map((m) => m[4].data.cursor)
    assert.match(cursors[0], /^\w+\/\w+-\w+\/\w+$/)
    one.terminate()
    // A recovery to the end of the WAL, as behind a failover: the server is on timeline 2 then.
    const data = stage.sql('SHOW data_directory')
    const control = (...mode) => execFileSync('pg_ctl', ['-D', data, '-w', '-t', '60', '-l', 'server.log', ...mode], { stdio: 'ignore' })
    stage.sql(`ALTER SYSTEM SET restore_command = 'false'`)
    control('stop', '-m', 'fast')
    writeFileSync(`${data}/recovery.signal`, '')
    control('start')
    await until(() => stage.sql('SELECT pg_is_in_recovery()') === 'f', 'the server is writable')
    stage.sql('ALTER SYSTEM RESET restore_command')
    insert(2)
    await until(() => channel.events.length === 5, 'a subscriber goes on')
    assert.deepEqual(channel.events.map((e) => e.new.id), [0, 1, 2, 3, 4].map((n) => first + n))
    assert.ok(!channel.system.some((m) => m.refetch), 'without reading again')
    await client.disconnect()
    const resume = async (since) => {
      const socket = await rawSocket(stage)
      socket.push('1', '1', 'realtime:a', 'phx_join', bindings(since))
      await socket.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
      const refetch = socket.messages.some((m) => m[4].refetch)
      if (!refetch) await until(() => ids(socket).includes(next - 1), 'the last one')
      socket.close()
      return refetch ? 'refetch' : socket.messages.filter((m) => m[3] === 'postgres_changes').map((m) => m[4].data)
    }
    for (const restart of [false, true]) {
      if (restart) {
        await stage.stopGateway('SIGKILL')
        await stage.startGateway()
      }
      const missed = await resume(cursors[2])
      assert.deepEqual(missed.map((data) => data.record.id), [first + 3, first + 4])
      assert.match(missed[0].cursor, /-2$/)
      assert.deepEqual((await resume(missed[0].cursor)).map((data) => data.record.id), [first + 4])
      // The same address on the timeline that was left: a change that the server has lost.
      assert.equal(await resume(missed[0].cursor.replace(/-2$/, '')), 'refetch')
    }
  })

  test('a server that is shut down in order does not wait for the resume window', async () => {
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, [{ event: 'INSERT', table: 'orders' }])
    insert(1)
    await until(() => channel.events.length === 1, 'one')
    execFileSync('pg_ctl', ['-D', stage.sql('SHOW data_directory'), 'restart', '-m', 'fast', '-w', '-t', '30', '-l', 'server.log'], { stdio: 'ignore' })
    insert(1)
    await until(() => channel.events.length === 2, 'live again')
    await client.disconnect()
  })

  test('SIGTERM sends everybody away with 1012 and ends in time', async () => {
    const socket = await rawSocket(stage)
    socket.push('1', '1', 'realtime:a', 'phx_join', bindings())
    await socket.find('phx_reply')
    const result = await stage.stopGateway()
    assert.equal(result, 0)
    assert.deepEqual(await socket.closed, { code: 1012, reason: 'the gateway restarts' })
    await stage.startGateway()
  })

  test('a slot that is gone is made anew, and everybody is told to read again', async () => {
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, [{ event: 'INSERT', table: 'orders' }])
    stage.sql(`DO $$ BEGIN
      FOR i IN 1..100 LOOP
        BEGIN
          PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${stage.database}';
          PERFORM pg_drop_replication_slot('${stage.database}');
          EXIT;
        EXCEPTION WHEN object_in_use THEN PERFORM pg_sleep(0.01); END;
      END LOOP; END $$`)
    await until(() => channel.system.some((s) => s.refetch && /slot/.test(s.message)), 'notice')
    const id = insert(1)
    await until(() => channel.events.some((e) => e.new.id === id), 'changes flow again')
    await client.disconnect()
  })
})
