// The database is away: what clients are told meanwhile, and that all goes on when it is back.
import { test, before, after, describe } from 'node:test'
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { Network } from './network.mjs'
import { Stage, anonymous, assert, member, rawSocket, tenants, token, until, users } from './support.mjs'

const collect = '/functions/v1/realtime-metrics-collection?action=collect_metrics'
const report = { tenantId: tenants[0], connectionId: 'c', subscriptionType: 's', metrics: { messagesReceived: 1 } }
const probe = async (stage) => { const answer = await stage.get('/readyz'); return [answer.status, await answer.text()] }

describe('a database that is away', () => {
  let stage, network, away, back
  before(async () => {
    mkdirSync('away', { recursive: true })
    const socket = `.s.PGSQL.${process.env.PGPORT}`
    const connect = () => Network.between({ path: `away/${socket}` }, { path: `${process.env.PGHOST}/${socket}` })
    network = await connect()
    away = () => network.close()
    back = async () => { network = await connect() }
    stage = await Stage.start({ 'join-timeout': 1 }, { host: `${process.cwd()}/away` })
  })
  after(async () => { await stage.stop(); network.close() })
  const retry = (answer) => [answer.status, answer.headers.get('retry-after')]

  test('requests are answered with 503 and when to come back, /readyz says why, and all goes on when it is back', async () => {
    const socket = await rawSocket(stage)
    socket.push('1', '1', 'realtime:a', 'phx_join', { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'orders' }] }, access_token: member(0) })
    await socket.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
    away()
    await until(async () => (await probe(stage))[1] === 'the replication slot is not read\n', 'it is noticed')
    assert.equal((await probe(stage))[0], 503)
    assert.equal((await stage.get('/healthz')).status, 200)
    const privately = { messages: [{ topic: 'a', event: 'e', payload: {}, private: true }] }
    const answers = await Promise.all([stage.post(collect, report, member(0)), stage.get('/realtime/v1/snapshot?table=orders', member(0)), stage.post('/realtime/v1/api/broadcast', privately, member(0))])
    for (const answer of answers) {
      assert.deepEqual(retry(answer), [503, '1'])
      assert.equal((await answer.json()).error, 'unavailable')
    }
    // What needs no database goes on.
    socket.push('2', '2', 'realtime:b', 'phx_join', { config: { broadcast: { self: true } } })
    assert.equal((await socket.find('phx_reply', (m) => m[1] === '2'))[4].status, 'ok')
    assert.equal((await stage.post('/realtime/v1/api/broadcast', { messages: [{ topic: 'b', event: 'e', payload: {} }] }, anonymous)).status, 202)
    await socket.find('broadcast')
    socket.push('3', '3', 'realtime:c', 'phx_join', { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'orders' }] }, access_token: member(0) })
    const refused = await socket.find('phx_reply', (m) => m[1] === '3')
    assert.equal(refused[4].status, 'error')
    assert.match(refused[4].response.reason, /^InitializingProjectConnection: /)
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1)`)
    await back()
    await until(async () => (await probe(stage))[0] === 200, 'it is back')
    await socket.find('postgres_changes')
    assert.ok(!socket.messages.some((m) => m[4].refetch))
    assert.equal((await stage.post(collect, report, member(0))).status, 200)
    socket.close()
  })

  test('when only questions cannot be asked /readyz says that, and changes go on', async () => {
    const socket = await rawSocket(stage)
    socket.push('1', '1', 'realtime:a', 'phx_join', { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'orders' }] }, access_token: member(0) })
    await socket.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
    const elsewhere = (text) => execFileSync('psql', ['-X', '-q', '-d', 'postgres', '-c', text], { stdio: ['ignore', 'ignore', 'inherit'] })
    const writer = spawn('psql', ['-X', '-q', '-d', stage.database], { stdio: ['pipe', 'pipe', 'inherit'] })
    let told = ''
    writer.stdout.on('data', (data) => { told += data })
    writer.stdin.write('\\echo here\n')
    await until(() => /here/.test(told), 'a session')
    elsewhere(`ALTER DATABASE ${stage.database} ALLOW_CONNECTIONS false`)
    elsewhere(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${stage.database}' AND usename = 'e2e_gateway' AND backend_type = 'client backend'`)
    await until(async () => (await probe(stage))[1] === 'the database is not connected\n', 'it is noticed')
    assert.equal((await probe(stage))[0], 503)
    assert.deepEqual(retry(await stage.post(collect, report, member(0))), [503, '1'])
    writer.stdin.end(`INSERT INTO orders VALUES ('${tenants[0]}', 2);\n`)
    await socket.find('postgres_changes', (m) => m[4].data.record.id === 2)
    elsewhere(`ALTER DATABASE ${stage.database} ALLOW_CONNECTIONS true`)
    await until(async () => (await probe(stage))[0] === 200, 'it is back')
    socket.close()
  })

  test('with wait the stock client is subscribed only once changes flow, and told what it waited for in vain', async () => {
    away()
    await until(async () => (await probe(stage))[0] === 503, 'it is noticed')
    const client = await stage.client(null)
    await client.setAuth(token({ role: 'authenticated', sub: users[0] }))
    const told = []
    const ready = client.channel('ready', { config: { broadcast: { replication_ready: true } } })
    ready.on('system', {}, (message) => told.push([message.extension, message.status, message.message]))
    await new Promise((resolve) => ready.subscribe((status) => status === 'SUBSCRIBED' && resolve()))
    const channel = await stage.subscribe(client, [{ event: 'INSERT', table: 'orders' }], { topic: 'wait', wait: false, config: { postgres_changes_options: { wait: true, timeout: 500 } } })
    await until(() => channel.status.length >= 2, 'it tries twice')
    for (const [status, reason] of channel.status) {
      assert.equal(status, 'CHANNEL_ERROR')
      assert.match(reason, /PostgresChangesSubscribeTimeout: the replication slot is not read now/)
    }
    assert.deepEqual(told, [], 'what needs no changes is joined, and not told that they flow')
    await back()
    await until(() => told.length > 0, 'told that changes flow')
    assert.deepEqual(told, [['system', 'ok', 'Replication connection established']])
    await until(() => channel.status.some(([status]) => status === 'SUBSCRIBED'), 'subscribed')
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 10)`)
    await until(() => channel.events.length === 1, 'event')
    // A transaction that commits at the moment of SUBSCRIBED is never missed.
    for (let round = 0; round < 5; ++round) {
      const next = client.channel(`wait${round}`, { config: { postgres_changes_options: { wait: true } } })
      const events = []
      next.on('postgres_changes', { event: 'INSERT', schema: 'public', table: 'orders' }, (event) => events.push(event.new.id))
      next.subscribe((status) => { if (status === 'SUBSCRIBED') stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', ${100 + round})`) })
      await until(() => events.includes(100 + round), 'event')
    }
    await client.disconnect()
  })
})
