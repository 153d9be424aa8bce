// Everything is killed, and every network cut, at random while others write. Each subscriber's log must be what its tenant's WAL says, in that order.
//
// PG_REALTIME_CHAOS="SUBSCRIBERS KILLS" makes it longer (by default 40 subscribers and 8 kills).
import { test } from 'node:test'
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { Network } from './network.mjs'
import { Stage, assert, sleep, token, until, ws } from './support.mjs'

const [subscriberCount, kills] = (process.env.PG_REALTIME_CHAOS ?? '40 8').split(' ').map(Number)
const tenantCount = Math.max(4, Math.floor(subscriberCount / 10))
const id = (letter, number) => `${letter.repeat(8)}-0000-4000-8000-${String(number).padStart(12, '0')}`
const seed = Number(process.env.PG_REALTIME_SEED ?? Date.now() % 1_000_000)
let state = seed
const random = (count) => { state = (state * 1103515245 + 12345) % 2147483648; return Math.floor(state / 65536) % count }

class Subscriber {
  constructor(port, number) {
    this.port = port
    this.tenant = id('a', number % tenantCount)
    this.token = token({ role: 'authenticated', sub: id('b', number) })
    this.log = []
    this.problems = []
    this.connects = this.repeats = this.foreign = 0
    this.connect()
  }
  connect() {
    if (this.stopped) return
    this.connects += 1
    const socket = this.socket = new ws(`ws://127.0.0.1:${this.port}/realtime/v1/websocket?vsn=2.0.0&apikey=${this.token}`)
    const join = () => socket.send(JSON.stringify(['1', '1', 'realtime:chaos', 'phx_join',
      { config: { postgres_changes: [{ event: 'INSERT', schema: 'public', table: 'events', ...(this.cursor && { since: this.cursor }) }] } }]))
    socket.on('open', join)
    socket.on('message', (data) => {
      const [, , , event, payload] = JSON.parse(data)
      if (event === 'postgres_changes') {
        const { cursor, record } = payload.data
        // A repetition has the cursor of the one before it, or it is none.
        if (cursor === this.change) this.repeats += 1
        else this.log.push(record.id)
        this.change = this.cursor = cursor
        this.foreign += record.tenant_id === this.tenant ? 0 : 1
      } else if (event === 'system') {
        if (payload.refetch) this.problems.push(payload.message)
        if (payload.cursor) this.cursor = payload.cursor
        if (payload.message === 'Subscribed to PostgreSQL') this.live = true
      } else if (event === 'phx_reply' && payload.status === 'error') {
        setTimeout(() => socket.readyState === 1 && join(), 200) // the database is away
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => { this.live = false; setTimeout(() => this.connect(), 20 + random(100)) })
  }
  stop() { this.stopped = true; this.socket.terminate() }
}

test(`nothing is lost, repeated or reordered while everything is killed at random (seed ${seed})`, { timeout: 3_600_000 }, async () => {
  // The gateway reaches the server, and every second subscriber the gateway, through networks that fail.
  mkdirSync('network', { recursive: true })
  const socket = `.s.PGSQL.${process.env.PGPORT}`
  const database = await Network.between({ path: `network/${socket}` }, { path: `${process.env.PGHOST}/${socket}` })
  const stage = await Stage.start({ 'connections-per-second': 10000, 'resume-bytes': 1073741824, 'max-connections': 5000 }, { host: `${process.cwd()}/network` })
  const clients = await Network.between({ port: 0 }, { port: stage.port })
  const data = stage.sql('SHOW data_directory')
  const command = (mode) => execFileSync('pg_ctl', ['-D', data, '-w', '-t', '60', ...mode], { stdio: 'ignore' })
  const again = async (action) => { for (let attempt = 0; ; ++attempt) { try { return action() } catch (error) { if (attempt === 200) throw error; await sleep(100) } } }
  stage.sql(`CREATE TABLE events (tenant_id uuid NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, text text, PRIMARY KEY (tenant_id, id));
    SELECT realtime_add_table('events');
    INSERT INTO tenant_memberships (tenant_id, user_id) SELECT ('aaaaaaaa-0000-4000-8000-' || lpad((n % ${tenantCount})::text, 12, '0'))::uuid, ('bbbbbbbb-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid FROM generate_series(0, ${subscriberCount - 1}) n;
    SELECT pg_create_logical_replication_slot('truth_${stage.database}', 'pg_realtime')`)
  const subscribers = Array.from({ length: subscriberCount }, (_, number) => new Subscriber(number % 2 ? clients.port : stage.port, number))
  await until(() => subscribers.every((one) => one.live), 'all are live')

  let writing = true
  const script = `\\set t random(0, ${tenantCount - 1})\n\\set n random(1, 20)\nINSERT INTO events (tenant_id, text) SELECT ('aaaaaaaa-0000-4000-8000-' || lpad(((:t + i) % ${tenantCount})::text, 12, '0'))::uuid, repeat('x', 50) FROM generate_series(1, :n) i;\n`
  execFileSync('sh', ['-c', 'cat > load.sql'], { input: script })
  const load = (async () => {
    while (writing) {
      const child = spawn('pgbench', ['-n', '-c', '4', '-T', '3', '-R', '400', '-f', 'load.sql', stage.database], { stdio: 'ignore' })
      await new Promise((resolve) => child.on('exit', resolve))
      await sleep(50)
    }
  })()
  const counts = {}
  for (let kill = 0; kill < kills; ++kill) {
    await sleep(200 + random(600))
    const what = ['gateway', 'walsender', 'cut', 'cut', 'stream', 'server', 'gateway', 'pause', 'database network', 'client network'][random(10)]
    counts[what] = (counts[what] ?? 0) + 1
    if (what === 'gateway') {
      await stage.stopGateway('SIGKILL')
      await stage.startGateway()
    } else if (what === 'walsender') {
      // The postmaster restarts all its processes after that.
      const pid = await again(() => stage.sql(`SELECT active_pid FROM pg_replication_slots WHERE slot_name = '${stage.database}'`))
      if (pid) process.kill(Number(pid), 'SIGKILL')
    } else if (what === 'stream') {
      await again(() => stage.sql(`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${stage.database}'`))
    } else if (what === 'server') {
      await again(() => command(['restart', '-m', 'immediate', '-l', 'server.log']))
    } else if (what === 'pause') {
      stage.process.kill('SIGSTOP')
      await sleep(300)
      stage.process.kill('SIGCONT')
    } else if (what.endsWith('network')) {
      const network = what === 'client network' ? clients : database
      network.hold()
      await sleep(100 + random(900))
      network.cut()
    } else {
      for (const one of subscribers) if (random(2) === 0) one.socket.terminate()
    }
  }
  writing = false
  await load
  await again(() => stage.sql('SELECT 1'))
  const last = Number(await again(() => stage.sql(`WITH added AS (INSERT INTO events (tenant_id, text) SELECT ('aaaaaaaa-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'last' FROM generate_series(0, ${tenantCount - 1}) n RETURNING id) SELECT min(id) FROM added`)))
  await until(() => subscribers.every((one) => one.log.length && one.log.at(-1) >= last), 'the last change is everywhere')
  for (const one of subscribers) one.stop()

  stage.sql(`\\o truth.txt
    SELECT data::json->>'tenant', data::json->'record'->>'id' FROM pg_logical_slot_get_changes('truth_${stage.database}', NULL, NULL, 'publication_names', 'pg_realtime', 'actions', 'insert')`)
  const truth = new Map()
  let changes = 0
  for (const line of readFileSync('truth.txt', 'utf8').split('\n')) {
    const [tenant, number] = line.split('|')
    if (!number) continue
    changes += 1
    if (!truth.has(tenant)) truth.set(tenant, [])
    truth.get(tenant).push(Number(number))
  }
  let deliveries = 0, repeats = 0
  for (const one of subscribers) {
    repeats += one.repeats
    deliveries += one.log.length
    assert.deepEqual(one.problems, [])
    assert.equal(one.foreign, 0, 'rows of the own tenant only')
    assert.deepEqual(one.log, truth.get(one.tenant), `subscriber of ${one.tenant}, seed ${seed}`)
  }
  console.log(`# ${changes} changes, ${deliveries} deliveries, ${repeats} repeats, ${subscribers.reduce((sum, one) => sum + one.connects, 0)} connects, ${JSON.stringify(counts)}`)
  assert.ok(changes > 100)
  stage.sql(`SELECT pg_drop_replication_slot('truth_${stage.database}')`)
  await stage.stop()
  database.close()
  clients.close()
})
