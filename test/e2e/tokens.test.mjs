// Tokens while something goes on with them: renewed, spoiled, expired; and what the settings of tokens say.
import { test, before, after, describe } from 'node:test'
import crypto from 'node:crypto'
import http from 'node:http'
import { writeFileSync } from 'node:fs'
import { Stage, assert, member, rawSocket, tenants, token, until, users } from './support.mjs'

const now = () => Math.floor(Date.now() / 1000)
const withStage = (options, body) => async () => {
  const stage = await Stage.start(options)
  try { await body(stage) } finally { await stage.stop() }
}
const user = (claims) => token({ role: 'authenticated', sub: users[0], ...claims })
const join = (topic, bearer) => ['1', '1', topic, 'phx_join', { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'orders' }] }, access_token: bearer }]
const live = (socket, topic) => socket.find('system', (m) => m[2] === topic && m[4].message === 'Subscribed to PostgreSQL')
const snapshot = async (stage, bearer) => (await stage.get('/realtime/v1/snapshot?table=orders', bearer)).status

// Tokens of public keys, as identity providers give them.
const kinds = {
  ES256: { pair: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }), digest: 'sha256' },
  ES384: { pair: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-384' }), digest: 'sha384' },
  RS256: { pair: () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }), digest: 'sha256' },
  EdDSA: { pair: () => crypto.generateKeyPairSync('ed25519'), digest: null },
}
function keyOf(alg, kid) {
  const { privateKey, publicKey } = kinds[alg].pair()
  return {
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
    pem: publicKey.export({ type: 'spki', format: 'pem' }),
    sign(claims, header = { kid }) {
      const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const text = part({ alg, ...header }) + '.' + part({ exp: now() + 3600, ...claims })
      return text + '.' + crypto.sign(kinds[alg].digest, Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
    },
  }
}

describe('tokens', () => {
  let stage
  before(async () => { stage = await Stage.start() })
  after(() => stage.stop())
  const clean = () => stage.sql('DELETE FROM orders')

  test('a token that is renewed in time keeps the channel of the stock client alive behind the end of the old one', async () => {
    const client = await stage.client(null)
    const exp = now() + 5
    await client.setAuth(user({ exp }))
    const channel = await stage.subscribe(client, [{ event: 'INSERT', table: 'orders' }])
    const left = await stage.client(null)
    await left.setAuth(user({ exp }))
    const ends = await stage.subscribe(left, [{ event: 'INSERT', table: 'orders' }])
    await client.setAuth(user({}))
    await until(() => ends.status.some(([status]) => status === 'CLOSED'), 'the old token has expired where it was not renewed')
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1)`)
    await until(() => channel.events.length === 1, 'event')
    assert.deepEqual(channel.status, [['SUBSCRIBED', undefined]])
    assert.deepEqual(channel.system.filter((message) => message.status !== 'ok'), [])
    for (const one of [client, left]) await one.disconnect()
    clean()
  })

  test('a bad token for a live channel ends that channel with the reason, and no other', async () => {
    const bad = [[token({ role: 'service_role' }, 'another-secret-of-more-than-32-bytes!'), /^JwtSignatureError: /], [user({ exp: 1 }), /^InvalidJWTToken: /], ['nonsense', /^MalformedJWT: /], [token({ sub: users[0] }), /^InvalidJWTToken: .*role/]]
    const socket = await rawSocket(stage)
    socket.push(...join('realtime:other', member(0)))
    await live(socket, 'realtime:other')
    for (const [index, [text, reason]] of bad.entries()) {
      const topic = `realtime:bad${index}`
      socket.push(...join(topic, member(0)))
      await live(socket, topic)
      socket.push('1', '2', topic, 'access_token', { access_token: text })
      await socket.find('phx_close', (m) => m[2] === topic)
      const told = socket.messages.filter((m) => m[2] === topic).slice(-2)
      assert.deepEqual([told[0][3], told[0][4].extension, told[0][4].status, told[1][3]], ['system', 'system', 'error', 'phx_close'])
      assert.match(told[0][4].message, reason)
    }
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1)`)
    await socket.find('postgres_changes')
    assert.deepEqual(socket.messages.filter((m) => m[3] === 'postgres_changes').map((m) => m[2]), ['realtime:other'])
    socket.close()
    // The stock client tells the application.
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, [{ event: '*', table: 'orders' }])
    await client.setAuth(bad[0][0])
    await until(() => channel.status.some(([status]) => status === 'CLOSED'), 'close')
    assert.ok(channel.system.some((message) => message.status === 'error' && /^JwtSignatureError: /.test(message.message)))
    await client.disconnect()
    clean()
  })

  test('claims that no database stores are a bad token, not a database that is away', async () => {
    const socket = await rawSocket(stage)
    for (const [index, claims] of [{ name: 'a\u0000b' }, { app_metadata: { 'x\u0000': 1 } }, { name: '\ud800' }].entries()) {
      assert.equal(await snapshot(stage, user(claims)), 401)
      assert.equal((await stage.post('/functions/v1/widget-realtime-enhanced?action=get_status', {}, user(claims))).status, 401)
      const topic = `realtime:stored${index}`
      socket.push(...join(topic, user(claims)))
      const reply = await socket.find('phx_reply', (m) => m[2] === topic)
      assert.equal(reply[4].status, 'error')
      assert.match(reply[4].response.reason, /^MalformedJWT: claims of the token hold what no database stores/)
    }
    assert.equal(await snapshot(stage, user({ name: 'a\\u0000b \u{1f600}' })), 200)
    assert.doesNotMatch(stage.log, /tenants of a caller cannot be looked up/)
    socket.close()
  })

  test('a token of another user for a live channel changes whose rows arrive', async () => {
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, [{ event: 'INSERT', table: 'orders' }])
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1), ('${tenants[1]}', 1)`)
    await until(() => channel.events.length === 1, 'event')
    await client.setAuth(member(1))
    await until(() => channel.system.some((message) => message.refetch), 'what the other user sees has to be read')
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 2), ('${tenants[1]}', 2)`)
    await until(() => channel.events.length === 2, 'event')
    assert.deepEqual(channel.events.map((event) => event.new.tenant_id), tenants)
    assert.deepEqual(channel.status, [['SUBSCRIBED', undefined]])
    await client.disconnect()
    clean()
  })

  test('an event stream ends with its token, and says so', async () => {
    const answer = await stage.get('/realtime/v1/stream?table=orders', user({ exp: now() + 2 }))
    assert.equal(answer.status, 200)
    const notices = [...(await answer.text()).matchAll(/^data: (.*)$/gm)].map((line) => JSON.parse(line[1]))
    assert.equal(notices.at(-1).status, 'error')
    assert.match(notices.at(-1).message, /^Token has expired/)
  })

  test('without the setting tenant-claim no claim names tenants', async () => {
    const socket = await rawSocket(stage)
    socket.push(...join('realtime:a', user({ tenant_ids: [tenants[1]], app_metadata: { tenant_ids: [tenants[1]] } })))
    await live(socket, 'realtime:a')
    stage.sql(`INSERT INTO orders VALUES ('${tenants[1]}', 1), ('${tenants[0]}', 1)`)
    await socket.find('postgres_changes')
    assert.deepEqual(socket.messages.filter((m) => m[3] === 'postgres_changes').map((m) => m[4].data.record.tenant_id), [tenants[0]])
    socket.close()
    clean()
  })
})

describe('settings of tokens', () => {
  test('tenants that a claim names are seen beside those of memberships, and no others', withStage({ 'tenant-claim': 'app_metadata.tenant_ids' }, async (stage) => {
    const third = '33333333-3333-4333-8333-333333333333', stranger = 'aaaaaaaa-0000-4000-8000-000000000009'
    const seen = [
      [{ sub: stranger, app_metadata: { tenant_ids: [tenants[1], third] } }, [tenants[1], third]],
      [{ sub: stranger, app_metadata: { tenant_ids: tenants[1].toUpperCase() } }, [tenants[1]]],
      [{ sub: users[0], app_metadata: { tenant_ids: [third] } }, [tenants[0], third]],
      [{ sub: users[0], app_metadata: { tenant_ids: { [third]: true } } }, [tenants[0]]],
      [{ sub: users[0], tenant_ids: [third] }, [tenants[0]]],
    ]
    const sockets = []
    for (const [claims] of seen) {
      const socket = await rawSocket(stage)
      socket.push(...join('realtime:a', token({ role: 'authenticated', ...claims })))
      await live(socket, 'realtime:a')
      sockets.push(socket)
    }
    stage.sql([tenants[0], tenants[1], third].map((tenant) => `INSERT INTO orders VALUES ('${tenant}', 1);`).join('') + 'INSERT INTO plans VALUES (1)')
    const records = (socket) => socket.messages.filter((m) => m[3] === 'postgres_changes').map((m) => m[4].data.record.tenant_id)
    for (const [index, [, wanted]] of seen.entries()) await until(() => records(sockets[index]).length >= wanted.length, `rows of ${wanted}`)
    stage.sql([tenants[0], tenants[1], third].map((tenant) => `INSERT INTO orders VALUES ('${tenant}', 2);`).join(''))
    for (const [index, [, wanted]] of seen.entries()) {
      await until(() => records(sockets[index]).length >= 2 * wanted.length, `rows of ${wanted} again`)
      assert.deepEqual(records(sockets[index]), [...wanted, ...wanted])
      sockets[index].close()
    }
    // So are their rooms.
    const say = async (tenant) => (await stage.post('/realtime/v1/api/broadcast', { messages: [{ topic: 'a', event: 'b', payload: {}, private: true, tenant }] }, token({ role: 'authenticated', ...seen[0][0] }))).status
    assert.deepEqual([await say(third), await say(tenants[0])], [202, 403])
  }))

  test('the tenants of a token are the same in the stream, in snapshots and in functions', withStage({ 'tenant-claim': 'app_metadata.tenant_ids' }, async (stage) => {
    const stranger = 'aaaaaaaa-0000-4000-8000-000000000009', viewer = 'aaaaaaaa-0000-4000-8000-000000000008'
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1), ('${tenants[1]}', 1); INSERT INTO tenant_memberships VALUES ('${tenants[1]}', '${viewer}', 'viewer')`)
    const named = { role: 'authenticated', app_metadata: { tenant_ids: [tenants[1]] } }
    const report = (tenantId) => ({ tenantId, connectionId: 'c', subscriptionType: 's', metrics: { messagesReceived: 1 } })
    const callers = [
      // who; the tenants that are seen; may report for them
      ['a stranger whose token names a tenant', { ...named, sub: stranger }, [tenants[1]], [403, 200]],
      ['a token that names a tenant and no user', named, [tenants[1]], [403, 200]],
      ['a member whose token names another tenant', { ...named, sub: users[0] }, tenants, [200, 200]],
      ['a viewer whose token names the tenant, too', { ...named, sub: viewer }, [tenants[1]], [403, 403]],
      ['a member whose token names none', { role: 'authenticated', sub: users[0] }, [tenants[0]], [200, 403]],
    ]
    let id = 1
    for (const [who, claims, seen, reports] of callers) {
      const bearer = token(claims)
      const { rows } = await (await stage.get('/realtime/v1/snapshot?table=orders', bearer)).json()
      assert.deepEqual([...new Set(rows.map((row) => row.tenant_id))].sort(), seen, `snapshot: ${who}`)
      const socket = await rawSocket(stage)
      socket.push(...join('realtime:a', bearer))
      await live(socket, 'realtime:a')
      id += 1
      stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', ${id}), ('${tenants[1]}', ${id}); INSERT INTO plans VALUES (${id})`)
      const records = () => socket.messages.filter((m) => m[3] === 'postgres_changes').map((m) => m[4].data.record.tenant_id)
      await until(() => records().length >= seen.length, `changes: ${who}`)
      assert.deepEqual(records(), seen, `stream: ${who}`)
      socket.close()
      const answers = []
      for (const tenant of tenants) answers.push((await stage.post('/functions/v1/realtime-metrics-collection?action=collect_metrics', report(tenant), bearer)).status)
      assert.deepEqual(answers, reports, `functions: ${who}`)
    }
  }))

  test('a file of keys, as a set or in PEM, is looked at again; one that is wrong changes nothing', async () => {
    const keys = [keyOf('ES256', 'key0'), keyOf('RS256', 'key1'), keyOf('ES384', 'key2'), keyOf('EdDSA', 'key3')]
    const claims = { role: 'authenticated', sub: users[0] }
    writeFileSync('tokens-keys', JSON.stringify({ keys: [keys[0].jwk, keys[1].jwk] }))
    await withStage({ 'jwks-file': 'tokens-keys', 'jwks-refresh': 1 }, async (stage) => {
      const status = async (index, header) => await snapshot(stage, keys[index].sign(claims, header))
      assert.deepEqual([await status(0), await status(1), await status(2), await status(3)], [200, 200, 401, 401])
      assert.equal(await snapshot(stage, member(0)), 200, 'the secret counts beside the file')
      writeFileSync('tokens-keys', JSON.stringify({ keys: [keys[2].jwk, keys[3].jwk] }))
      await until(async () => (await status(2)) === 200, 'the new keys are known')
      assert.deepEqual([await status(0), await status(1), await status(3)], [401, 401, 200])
      writeFileSync('tokens-keys', '{"keys": [')
      await until(() => /keys: .*; those that are known stay/.test(stage.log), 'complaint')
      assert.deepEqual([await status(0), await status(2)], [401, 200])
      writeFileSync('tokens-keys', keys[0].pem)
      await until(async () => (await status(0, {})) === 200, 'the key in PEM is known')
      assert.deepEqual([await status(1, {}), await status(2, {})], [401, 401])
      // A public key is no secret, whatever the token says.
      const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const text = part({ alg: 'HS256' }) + '.' + part({ exp: now() + 3600, ...claims, role: 'service_role' })
      assert.equal(await snapshot(stage, text + '.' + crypto.createHmac('sha256', keys[0].pem).update(text).digest('base64url')), 401)
    })()
  })

  test('an answer of jwks-url that is not 200 or holds no usable key keeps the known keys, and each change of the set is logged by its kids', async () => {
    const keys = [keyOf('ES256', 'key0'), keyOf('EdDSA', 'key1')]
    const answers = { good: [200, { keys: [keys[0].jwk] }], empty: [200, { keys: [] }], useless: [200, { keys: [{ kty: 'RSA' }] }], none: [204, ''], moved: [302, { keys: [keys[1].jwk] }], odd: [203, { keys: [keys[1].jwk] }], next: [200, { keys: [keys[1].jwk] }] }
    let now = 'good', asked = 0
    const provider = http.createServer((_, answer) => { ++asked; const [status, body] = answers[now]; answer.writeHead(status, { location: '/' }); answer.end(body && JSON.stringify(body)) })
    await new Promise((resolve) => provider.listen(0, '127.0.0.1', resolve))
    try {
      await withStage({ 'jwks-url': `http://127.0.0.1:${provider.address().port}/`, 'jwks-refresh': 1 }, async (stage) => {
        const status = (index) => snapshot(stage, keys[index].sign({ role: 'authenticated', sub: users[0] }))
        for (const wrong of ['empty', 'useless', 'none', 'moved', 'odd']) {
          now = wrong
          const before = asked
          await until(() => asked >= before + 2, 'the gateway has asked')
          assert.deepEqual([await status(0), await status(1)], [200, 401], wrong)
        }
        for (const why of [/keys: key set at .* holds no usable key; those that are known stay/, /status 204, not 200; those/, /status 302, not 200; those/, /status 203, not 200; those/]) assert.match(stage.log, why)
        assert.doesNotMatch(stage.log, /removed/)
        now = 'next'
        await until(async () => (await status(1)) === 200, 'the new key is known')
        assert.equal(await status(0), 401)
        assert.match(stage.log, /keys: added "key1"; removed "key0"; there are 2 now/)
      })()
    } finally { provider.close() }
  })

  test('issuer, leeway and roles are those of the settings', withStage({ 'jwt-issuer': 'https://id.example,https://id2.example', 'jwt-leeway': 60, 'roles': 'writer=realtime_writer,authenticated=realtime_reader' }, async (stage) => {
    const of = (claims) => token({ role: 'writer', sub: users[0], iss: 'https://id.example', ...claims })
    assert.equal(await snapshot(stage, of({})), 200)
    assert.equal(await snapshot(stage, of({ iss: 'https://id2.example' })), 200)
    assert.equal(await snapshot(stage, of({ iss: 'https://id.example/' })), 401)
    assert.equal(await snapshot(stage, of({ iss: undefined })), 401)
    assert.equal(await snapshot(stage, of({ exp: now() - 30 })), 200)
    assert.equal(await snapshot(stage, of({ exp: now() - 90 })), 401)
    assert.equal(await snapshot(stage, of({ nbf: now() + 30 })), 200)
    assert.equal(await snapshot(stage, of({ nbf: now() + 90 })), 401)
    // Only realtime_writer may read the table here, and only roles that are named are roles of the database.
    assert.equal(await snapshot(stage, of({ role: 'authenticated' })), 403)
    for (const role of ['anon', 'realtime_writer', 'postgres']) assert.equal(await snapshot(stage, of({ role })), 403, role)
  }))
})
