// Slots that are lost or not ours. This file has a server of its own: what it sets would cost others their slots.
import { test, before, after, describe } from 'node:test'
import { execFileSync, spawn } from 'node:child_process'
import { Stage, assert, member, rawSocket, secret, tenants, until } from './support.mjs'

const cluster = (command, ...more) => execFileSync(`${process.env.PROJECT}/setup/cluster`, [command, `${process.cwd()}/slots-server`, ...more], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
const skip = !process.env.PROJECT && 'setup/cluster is not here'

before(() => {
  if (skip) return
  cluster('start', `shared_preload_libraries = 'pg_realtime'`, 'max_prepared_transactions = 2')
  for (const [, name, value] of cluster('env').matchAll(/(PG\w+)=['"]?([^'"\n; ]*)/g)) process.env[name] = value
})
after(() => { if (!skip) cluster('stop') })

// Writes WAL until the server gives up the slot of the stage.
async function invalidate(stage, seen) {
  stage.sql(`ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'`)
  stage.sql('SELECT pg_reload_conf()')
  await until(() => {
    for (const command of ['SELECT pg_switch_wal()', 'SELECT txid_current()', 'CHECKPOINT']) stage.sql(command)
    return seen.test(stage.log)
  }, 'the server gives up the slot', () => stage.sql('SELECT * FROM pg_replication_slots') + stage.log.slice(-2000))
  stage.sql('ALTER SYSTEM RESET max_slot_wal_keep_size')
  stage.sql('SELECT pg_reload_conf()')
}

// The daemon beside the one of the stage; what it says is in .log.
function daemon(stage, ...flags) {
  const run = spawn(process.env.PG_REALTIMED, ['--database-url', `dbname=${stage.database} user=e2e_gateway`, '--listen', '127.0.0.1:0', '--report-interval', '0', ...flags],
    { env: { ...process.env, PG_REALTIMED_JWT_SECRET: secret }, stdio: ['ignore', 'pipe', 'pipe'] })
  run.log = ''
  for (const stream of [run.stdout, run.stderr]) stream.on('data', (text) => { run.log += text })
  run.ended = new Promise((resolve) => run.on('exit', resolve))
  process.on('exit', () => run.kill('SIGKILL'))
  return run
}

const changes = { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'orders' }] }, access_token: member(0) }
async function subscribe(stage) {
  const socket = await rawSocket(stage)
  socket.push('1', '1', 'realtime:a', 'phx_join', changes)
  await socket.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
  return socket
}
const ready = async (stage) => (await stage.get('/readyz')).status === 200

describe('slots', { skip }, () => {
  test('a slot that the server has invalidated is made anew, and all who listen are told to read again', async () => {
    const stage = await Stage.start()
    const sockets = [await subscribe(stage), await subscribe(stage)]
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1)`)
    for (const socket of sockets) await socket.find('postgres_changes')
    const before = sockets[0].messages.find((m) => m[3] === 'postgres_changes')[4].data.cursor
    await invalidate(stage, /the server has invalidated slot .*made anew/)
    for (const socket of sockets) {
      const told = await socket.find('system', (m) => m[4].refetch)
      assert.equal(told[4].status, 'error')
      assert.match(told[4].message, /^Refetch: the replication slot was lost/)
    }
    await until(() => ready(stage), 'the new slot is read')
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 2)`)
    for (const socket of sockets) await socket.find('postgres_changes', (m) => m[4].data.record.id === 2)
    assert.equal(stage.sql(`SELECT wal_status <> 'lost' FROM pg_replication_slots WHERE slot_name = '${stage.database}'`), 't')
    await until(async () => await stage.metric('pg_realtimed_replication_slots_recreated_total') >= 1, 'it is counted')
    // Who was away has to read again, too.
    const late = await rawSocket(stage)
    late.push('1', '1', 'realtime:a', 'phx_join', { ...changes, since: before })
    await late.find('system', (m) => m[4].refetch)
    for (const socket of [...sockets, late]) socket.close()
    await stage.stop()
  })

  test('with recreate-lost-slot off the gateway says what to do, and is not ready until that is done', async () => {
    const stage = await Stage.start({ 'recreate-lost-slot': 'false' })
    const socket = await subscribe(stage)
    await invalidate(stage, /was invalidated because it kept more than max_slot_wal_keep_size; drop it with pg_drop_replication_slot\(\)/)
    const probe = await stage.get('/readyz')
    assert.deepEqual([probe.status, await probe.text()], [503, 'the replication slot is not read\n'])
    assert.equal((await stage.get('/healthz')).status, 200)
    assert.equal(stage.sql(`SELECT wal_status FROM pg_replication_slots WHERE slot_name = '${stage.database}'`), 'lost')
    assert.ok(!socket.messages.some((m) => m[4].refetch))
    stage.sql(`SELECT pg_drop_replication_slot('${stage.database}')`)
    await socket.find('system', (m) => m[4].refetch)
    await until(() => ready(stage), 'a new slot is read')
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1)`)
    await socket.find('postgres_changes')
    socket.close()
    await stage.stop()
  })

  test('a slot of another plugin or database, or with two_phase, is refused with what to do, and left as it is', async () => {
    const stage = await Stage.start()
    const make = (database, name, ...more) => execFileSync('psql', ['-X', '-q', '-d', database, '-c', `SELECT pg_create_logical_replication_slot('${[name, ...more].join("', '")}')`], { stdio: ['ignore', 'ignore', 'inherit'] })
    make(stage.database, 'of_pgoutput', 'pgoutput')
    make(stage.database, 'of_two_phase', 'pg_realtime', 'false', 'true')
    make('postgres', 'of_others', 'pgoutput')
    const slots = () => stage.sql(`SELECT slot_name, plugin, database, restart_lsn, confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name LIKE 'of%' ORDER BY 1`)
    const before = slots()
    for (const slot of ['of_pgoutput', 'of_two_phase', 'of_others']) {
      const run = daemon(stage, '--slot', slot)
      await until(() => run.log.includes(`slot "${slot}" is not ours: it is of another output plugin or database, or with two_phase; choose another name with --slot`), 'complaint', () => run.log)
      const port = /listening on 127\.0\.0\.1:(\d+)/.exec(run.log)[1]
      const probe = await fetch(`http://127.0.0.1:${port}/readyz`)
      assert.deepEqual([probe.status, await probe.text()], [503, 'the replication slot is not read\n'])
      run.kill('SIGTERM')
      assert.equal(await run.ended, 0)
    }
    const check = daemon(stage, '--check', '--slot', 'of_pgoutput')
    assert.equal(await check.ended, 1)
    assert.match(check.log, /WRONG: slot "of_pgoutput" is of output plugin "pgoutput", not pg_realtime\n +Choose another name with slot/)
    assert.equal(slots(), before)
    stage.sql(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'of%' AND database = current_database()`)
    execFileSync('psql', ['-X', '-q', '-d', 'postgres', '-c', `SELECT pg_drop_replication_slot('of_others')`], { stdio: ['ignore', 'ignore', 'inherit'] })
    await stage.stop()
  })
})
