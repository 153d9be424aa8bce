// Filters against the server itself: what a random filter lets through must be what the same condition selects.
import { test } from 'node:test'
import { Stage, assert, member, rawSocket, tenants, until } from './support.mjs'

const seed = Number(process.env.PG_REALTIME_SEED ?? Date.now() % 1_000_000)
let state = seed
const random = (count) => { state = (state * 1103515245 + 12345) % 2147483648; return Math.floor(state / 65536) % count }
const one = (list) => list[random(list.length)]

const texts = ['', 'a', 'A', 'ab', 'Ab', 'ä', 'Ä', 'ß', 'a%b', 'a_b', 'a\\b', 'a,b', 'a"b', '(a)', "a'b", 'null', ' a', 'z\u{1F600}', 'é', 'Straße 1', 'x'.repeat(50)]
const moments = ['2026-11-24', '2000-01-01', '1970-01-01', '1999-12-31', '0001-01-01', '4714-11-24 BC', '0044-03-15 BC', '2024-02-29', 'infinity', '-infinity']
const clocks = ['00:00:00', '08:30:00.5', '23:59:59.999999', '24:00:00', '12:00:00.000001']
const stamps = [...moments, ...moments.slice(0, 5).flatMap((date) => clocks.map((clock) => `${date} ${clock}`)), '294276-12-31 23:59:59.999999']
const columns = {
  i2: ['int2', ['0', '-1', '1', '32767', '-32768', '007']],
  i4: ['int4', ['0', '-1', '42', '2147483647', '-2147483648']],
  i8: ['int8', ['0', '9007199254740993', '9007199254740992', '9223372036854775807', '-9223372036854775808']],
  num: ['numeric', ['0', '0.0', '-0', '10.5', '10.50', '1e3', '1000', '-1.5e-3', '123456789012345678901234567890.123456789', 'NaN', 'Infinity', '-Infinity', '0.00000000000000000001']],
  f4: ['float4', ['0', '-0', '0.1', '1.5', '16777217', '16777216', '3.4028235e38', '1e-40', 'NaN', 'Infinity', '-Infinity']],
  f8: ['float8', ['0', '-0', '0.1', '0.30000000000000004', '0.3', '1e308', '5e-324', 'NaN', 'Infinity', '-Infinity']],
  txt: ['text', texts],
  vc: ['varchar', texts],
  ch: ['char(6)', ['', 'a', 'a ', 'ab', 'ä', 'abcdef', ' a']],
  yes: ['bool', ['true', 'false', 't', 'off', '1']],
  key: ['uuid', ['123e4567-e89b-12d3-a456-426614174000', '123E4567E89B12D3A456426614174000', '00000000-0000-0000-0000-000000000000', '{ffffffff-ffff-ffff-ffff-ffffffffffff}']],
  day: ['date', [...moments, '5874897-12-31', '294277-01-01']],
  ts: ['timestamp', stamps],
  tz: ['timestamptz', [...stamps, '2026-11-24 08:30:00+05:30', '2026-11-24 00:30:00-11', '2026-11-24T03:00:00Z', '294276-12-31 23:00:00+00']],
  clk: ['time', clocks],
  dnum: ['amount_again', ['9', '10', '1.5', '1.50', '-0']],
  dtxt: ['label', texts]
}
const textual = ['txt', 'vc', 'ch', 'dtxt']
const comparisons = { eq: '=', neq: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' }
const patterns = { like: 'LIKE', ilike: 'ILIKE', match: '~', imatch: '~*' }
// Letters of Unicode have two cases everywhere, not only where the database's locale says so.
const folded = (name, operator) => (operator.startsWith('i') ? `${name} COLLATE "C.utf8"` : name)
const literal = (text) => `'${text.replaceAll("'", "''")}'`
const quoted = (text) => `"${text.replace(/[\\"]/g, '\\$&')}"`

// A condition as [filter, the same in SQL]; `dot` stands between column and operator.
function condition(dot) {
  const name = one(Object.keys(columns))
  const [type, values] = columns[name]
  // The order of texts is that of their bytes.
  const text = textual.includes(name)
  const column = text ? `${name} COLLATE "C"` : name
  const typed = (value) => `${literal(value)}::${type}`
  const not = random(4) === 0
  const shape = random(text ? 12 : 10)
  let filter, sql
  if (shape < 6) {
    const operator = one(Object.keys(comparisons)), value = one(values)
    filter = `${operator}.${quoted(value)}`
    sql = `${column} ${comparisons[operator]} ${typed(value)}`
  } else if (shape === 6) {
    const some = Array.from({ length: 1 + random(4) }, () => one(values))
    filter = `in.(${some.map(quoted)})`
    sql = `${column} IN (${some.map(typed)})`
  } else if (shape === 7) {
    const value = one(values)
    filter = `isdistinct.${quoted(value)}`
    sql = `${column} IS DISTINCT FROM ${typed(value)}`
  } else if (shape < 10) {
    const value = name === 'yes' ? one(['null', 'true', 'false', 'unknown']) : 'null'
    filter = `is.${value}`
    sql = `${column} IS ${value}`
  } else if (name === 'ch' || random(2)) {
    const operator = one(['like', 'ilike'])
    const pattern = one([...texts.map((value) => value.replace(/\\/g, '\\\\')), 'a%', '%b', '_', '%a%', 'a\\%b', 'Ä%', '', '%', '__'])
    filter = `${operator}.${quoted(pattern)}`
    sql = `${folded(name, operator)} ${patterns[operator]} ${literal(pattern)}`
  } else {
    const operator = one(['match', 'imatch'])
    const pattern = one(['^a', 'b$', '^$', '[[:digit:]]', 'a.b', '^(a|ä)$', 'x{3,}', 'S', '\\\\', '^.$'])
    filter = `${operator}.${quoted(pattern)}`
    sql = `${folded(name, operator)} ${patterns[operator]} ${literal(pattern)}`
  }
  return [`${name}${dot}${not ? 'not.' : ''}${filter}`, not ? `NOT (${sql})` : `(${sql})`]
}

function filterOf(depth = 0) {
  const kind = random(4)
  const list = (count, make) => Array.from({ length: count }, make)
  if (depth === 0 && kind < 2) return condition('=')
  if (depth === 0 && kind === 2) {
    const all = list(2, () => condition('='))
    return [all.map(([filter]) => filter).join(','), all.map(([, sql]) => sql).join(' AND ')]
  }
  const operator = one(['or', 'and'])
  const not = depth > 0 && random(3) === 0
  const all = list(2 + random(2), () => (depth < 2 && random(4) === 0 ? filterOf(depth + 1) : condition('.')))
  const sql = `(${all.map(([, sql]) => sql).join(operator === 'or' ? ' OR ' : ' AND ')})`
  return [`${not ? 'not.' : ''}${operator}${depth === 0 ? '=' : ''}(${all.map(([filter]) => filter)})`, not ? `NOT ${sql}` : sql]
}

test(`random filters let through what the server selects (seed ${seed})`, async () => {
  const stage = await Stage.start({ 'joins-per-second': 1000, 'messages-per-second': 1000, 'pattern-time': 1000 })
  const names = Object.keys(columns)
  stage.sql(`CREATE DOMAIN amount AS numeric CHECK (VALUE > -10); CREATE DOMAIN amount_again AS amount; CREATE DOMAIN label AS text;
    CREATE TABLE things (tenant_id uuid NOT NULL, id bigint NOT NULL, ${names.map((name) => `${name} ${columns[name][0]}`)}, PRIMARY KEY (tenant_id, id));
    SELECT realtime_add_table('things')`)
  const socket = await rawSocket(stage, { apikey: member(0) })
  const filters = Array.from({ length: 400 }, () => filterOf())
  const perChannel = 10, last = 1000000
  for (let first = 0; first < filters.length; first += perChannel) {
    // The last row tells that a channel has got everything: each goes at its own pace.
    const bindings = [...filters.slice(first, first + perChannel).map(([filter]) => filter), `id=eq.${last}`]
      .map((filter) => ({ event: 'INSERT', schema: 'public', table: 'things', filter, select: ['id'] }))
    socket.push('1', '1', `realtime:${first}`, 'phx_join', { config: { postgres_changes: bindings } })
  }
  const numbers = new Map() // of the filters, by topic and number of the binding: equal ones share it
  for (let first = 0; first < filters.length; first += perChannel) {
    const topic = `realtime:${first}`
    const reply = await socket.find('phx_reply', (message) => message[2] === topic)
    assert.equal(reply[4].status, 'ok', JSON.stringify(reply))
    reply[4].response.postgres_changes.forEach(({ id }, at) => numbers.set(`${topic} ${id}`, [...(numbers.get(`${topic} ${id}`) ?? []), first + at]))
    await socket.find('system', (message) => {
      if (message[2] === topic && message[4].status === 'error') assert.fail(`${message[4].message}: ${JSON.stringify(filters.slice(first, first + perChannel))}`)
      return message[2] === topic && message[4].message === 'Subscribed to PostgreSQL'
    })
  }
  // Rows of one value and many nulls among full ones.
  const rows = Array.from({ length: 300 }, (_, id) => `('${tenants[0]}', ${id}, ${names.map((name) => (random(6) === 0 ? 'NULL' : `${literal(one(columns[name][1]))}::${columns[name][0]}`))})`)
  stage.sql(`SET TimeZone = 'UTC'; INSERT INTO things VALUES ${rows}`)
  stage.sql(`INSERT INTO things (tenant_id, id) VALUES ('${tenants[0]}', ${last})`)
  await until(() => socket.messages.filter((m) => m[3] === 'postgres_changes' && m[4].data.record.id === last).length === filters.length / perChannel, 'every channel has got everything')

  const got = filters.map(() => [])
  for (const [, , topic, event, payload] of socket.messages) {
    if (event !== 'postgres_changes' || payload.data.record.id === last) continue
    for (const id of payload.ids) for (const at of numbers.get(`${topic} ${id}`)) got[at].push(payload.data.record.id)
  }
  const expected = stage.sql("SET TimeZone = 'UTC';" + filters.map(([, sql]) => `SELECT coalesce(json_agg(id ORDER BY id), '[]') FROM things WHERE id < ${last} AND (${sql});`).join('\n')).split('\n').map(JSON.parse)
  let passed = 0
  filters.forEach(([filter, sql], at) => {
    passed += expected[at].length
    assert.deepEqual(got[at], expected[at], `${filter} against ${sql}, seed ${seed}`)
  })
  console.log(`# ${filters.length} filters, ${rows.length} rows, ${passed} pass`)
  assert.ok(passed > 1000)
  socket.terminate()
  await stage.stop()
})
