// What can be set: compression, files of settings and keys, reloading, addresses.
import { test, describe } from 'node:test'
import { spawn, spawnSync } from 'node:child_process'
import crypto from 'node:crypto'
import http from 'node:http'
import { chmodSync, writeFileSync } from 'node:fs'
import { Stage, assert, member, rawSocket, secret, tenants, token, until, users } from './support.mjs'

const withStage = (options, body) => async () => {
  const stage = await Stage.start(options)
  try { await body(stage) } finally { await stage.stop() }
}
const join = (bearer) => ['1', '1', 'realtime:a', 'phx_join', { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'orders' }] }, access_token: bearer }]

// A run that ends by itself: its exit code, and what it told.
function run(flags, variables = {}) {
  const ran = spawnSync(process.env.PG_REALTIMED, flags, { encoding: 'utf8', env: { ...process.env, PG_REALTIMED_JWT_SECRET: secret, ...variables } })
  return [ran.status, ran.stdout + ran.stderr]
}

// A token of a public key, as an identity provider gives it.
function signed(key, kid, claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = part({ alg: 'ES256', kid }) + '.' + part({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims })
  return text + '.' + crypto.sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')
}

writeFileSync('toml.toml', `# Everything that the reader of INI files took for something else.
compression = true # a comment
resume-window = 6e2
pool-size = 0x4
messages-per-second = 1_000
resume-bytes = "64MB"
body-bytes = 2_000_000
'jwt-audience' = [
  "a \\u0022quoted\\u0022 # one", # another comment
  'with, comma',
  """last""",
]
cors-origins = "https://a.example, https://b.example"
publication = ["pg_realtime"]
`)

describe('settings', () => {
  test('compressed messages say the same as others', withStage({ compression: 'true' }, async (stage) => {
    const socket = await rawSocket(stage)
    assert.match(socket.extensions, /permessage-deflate/)
    socket.push(...join(member(0)))
    await socket.find('system')
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1, 'x', 1, repeat('a long text ', 2000)), ('${tenants[0]}', 2, 'short', NULL, NULL)`)
    await until(() => socket.messages.filter((m) => m[3] === 'postgres_changes').length === 2, 'changes')
    const records = socket.messages.filter((m) => m[3] === 'postgres_changes').map((m) => m[4].data.record)
    assert.equal(records[0].note, 'a long text '.repeat(2000))
    assert.equal(records[1].status, 'short')
    assert.ok(await stage.metric('pg_realtimed_bytes_total{direction="out"}') < 15000, 'it was compressed')
    socket.close()
  }))

  for (const ring of ['true', 'false']) {
    test(`many sockets and slow ones get everything in order, io-uring ${ring}`, withStage({ 'io-uring': ring, 'messages-per-second': 10000, 'send-queue-bytes': 1e8, 'joins-per-second': 1000 }, async (stage) => {
      const member = async (topic) => {
        const socket = await rawSocket(stage)
        socket.push('1', '1', topic, 'phx_join', { config: { broadcast: { self: true } } })
        await socket.find('phx_reply')
        return socket
      }
      // More than one batch holds, and messages of one turn that are more than one write holds.
      const many = []
      for (let number = 0; number < 150; number++) many.push(await member('realtime:many'))
      const slow = await Promise.all([1, 2, 3].map(() => member('realtime:large')))
      const say = (n) => many[0].push('1', '2', 'realtime:many', 'broadcast', { type: 'broadcast', event: 'e', payload: { n } })
      const heard = (socket) => socket.messages.filter((m) => m[3] === 'broadcast').map((m) => m[4].payload.n)
      const all = Array.from({ length: 100 }, (_, n) => n)
      all.slice(0, 80).forEach(say)
      const writes = await stage.metric('pg_realtimed_writes_total')
      for (const n of all.slice(80)) {
        say(n)
        await until(() => heard(many[0]).length === n + 1, 'the message comes back')
      }
      await until(() => many.every((socket) => heard(socket).length === 100), 'all messages at all sockets')
      for (const socket of many) assert.deepEqual(heard(socket), all)
      await until(async () => await stage.metric('pg_realtimed_frames_sent_total') >= 15000, 'the figures know of it')
      const calls = (await stage.metric('pg_realtimed_writes_total')) - writes
      if (ring === 'false') assert.ok(calls >= 20 * 150, `${calls} system calls`)
      else if (!/io_uring cannot be used/.test(stage.log)) assert.ok(calls < 20 * 150 / 4, `${calls} system calls`)
      // What the kernel does not take at once comes later, behind what it took.
      slow.slice(1).forEach((socket) => socket.pause())
      for (let n = 0; n < 100; n++) slow[0].push('1', '2', 'realtime:large', 'broadcast', { type: 'broadcast', event: 'e', payload: { n, text: 'x'.repeat(90000) } })
      await until(() => heard(slow[0]).length === 100, 'large messages')
      await until(async () => await stage.metric('pg_realtimed_send_queue_bytes') > 0, 'something waits')
      slow.slice(1).forEach((socket) => socket.resume())
      await until(() => slow.every((socket) => heard(socket).length === 100), 'large messages at slow sockets')
      for (const socket of slow) assert.deepEqual(heard(socket), all)
      for (const socket of [...many, ...slow]) socket.close()
    }))
  }

  test('keys of an address are taken, and looked at again when they change', async () => {
    const pairs = [crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }), crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })]
    let shown = [0]
    const provider = http.createServer((request, response) => response.end(JSON.stringify({ keys: shown.map((index) => ({ ...pairs[index].publicKey.export({ format: 'jwk' }), kid: `key${index}`, alg: 'ES256', use: 'sig' })) })))
    await new Promise((resolve) => provider.listen(0, '127.0.0.1', resolve))
    try {
      await withStage({ 'jwks-url': `http://127.0.0.1:${provider.address().port}/keys`, 'jwks-refresh': 1 }, async (stage) => {
        const claims = { role: 'authenticated', sub: users[0] }
        const status = async (index) => (await stage.get('/realtime/v1/snapshot?table=orders', signed(pairs[index].privateKey, `key${index}`, claims))).status
        assert.equal(await status(0), 200)
        assert.equal(await status(1), 401)
        shown = [1]
        await until(async () => (await status(1)) === 200, 'the new key is known')
        assert.equal(await status(0), 401)
      })()
    } finally { provider.close() }
  })

  test('an address of keys that does not answer at the start stops nobody who has another key, and is asked again', async () => {
    const pair = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
    let there = false
    const provider = http.createServer((request, response) => {
      if (!there) response.writeHead(503)
      response.end(there ? JSON.stringify({ keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'late', alg: 'ES256', use: 'sig' }] }) : '')
    })
    await new Promise((resolve) => provider.listen(0, '127.0.0.1', resolve))
    try {
      await withStage({ 'jwks-url': `http://127.0.0.1:${provider.address().port}/`, 'jwks-refresh': 1 }, async (stage) => {
        assert.match(stage.log, /keys: key set at .* cannot be read: .*; the gateway starts with the other keys and asks again in 1 s/)
        const claims = { role: 'authenticated', sub: users[0] }
        const status = async (text) => (await stage.get('/realtime/v1/snapshot?table=orders', text)).status
        assert.equal(await status(token(claims)), 200)
        assert.equal(await status(signed(pair.privateKey, 'late', claims)), 401)
        there = true
        await until(async () => (await status(signed(pair.privateKey, 'late', claims))) === 200, 'the key is known')
      })()
    } finally { provider.close() }
  })

  test('SIGHUP reads the file of settings again; a wrong file changes nothing', async () => {
    writeFileSync('reload.toml', 'channels-per-socket = 1\njwt-audience = ["web"]\n')
    await withStage({ config: 'reload.toml' }, async (stage) => {
      const own = (more) => token({ role: 'authenticated', sub: users[0], ...more })
      assert.equal((await stage.get('/realtime/v1/snapshot?table=orders', own({ aud: 'web' }))).status, 200)
      assert.equal((await stage.get('/realtime/v1/snapshot?table=orders', own({}))).status, 401)
      writeFileSync('reload.toml', 'no-such-setting = 1\n')
      stage.process.kill('SIGHUP')
      await until(() => /the old ones stay/.test(stage.log), 'complaint')
      assert.equal((await stage.get('/realtime/v1/snapshot?table=orders', own({}))).status, 401)
      writeFileSync('reload.toml', 'channels-per-socket = 2\n')
      stage.process.kill('SIGHUP')
      await until(async () => (await stage.get('/realtime/v1/snapshot?table=orders', own({}))).status === 200, 'audience does not matter any more')
    })()
  })

  test('SIGHUP: jwks-refresh takes effect, and what needs a restart is named', async () => {
    let asked = 0
    const pair = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const provider = http.createServer((request, response) => {
      ++asked
      response.end(JSON.stringify({ keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'a', alg: 'ES256', use: 'sig' }] }))
    })
    await new Promise((resolve) => provider.listen(0, '127.0.0.1', resolve))
    const settings = (more) => writeFileSync('refresh.toml', `jwks-url = "http://127.0.0.1:${provider.address().port}/"\n${more}`)
    settings('jwks-refresh = 86_400\nmax-change-bytes = "1MB"\n')
    try {
      await withStage({ config: 'refresh.toml' }, async (stage) => {
        assert.equal(asked, 1)
        settings('jwks-refresh = 1\nmax-change-bytes = "2MB"\nquery-timeout = 1000\n')
        stage.process.kill('SIGHUP')
        await until(() => asked >= 4, 'the address is asked each second now')
        assert.match(stage.log, /settings were read again; these take effect after a restart: max-change-bytes, query-timeout\n/)
      })()
    } finally { provider.close() }
  })

  test('keys that do not come are not waited for at the end', async () => {
    const key = { ...crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }), kid: 'key', alg: 'ES256', use: 'sig' }
    let asked = 0
    const provider = http.createServer((request, response) => { if (++asked !== 2) response.end(JSON.stringify({ keys: [key] })) })
    await new Promise((resolve) => provider.listen(0, '127.0.0.1', resolve))
    await withStage({ 'jwks-url': `http://127.0.0.1:${provider.address().port}/`, 'jwks-refresh': 1 }, async (stage) => {
      await until(() => asked === 2, 'they are asked for again')
      assert.equal(await stage.stopGateway(), 0)
      assert.match(stage.log, /a look-up that has begun is not waited for/)
      await stage.startGateway()
    })()
    provider.closeAllConnections()
    provider.close()
  })

  test('the keys of a new address are asked for at once, also while the old address has not answered yet', async () => {
    const pairs = [crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }), crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })]
    const keys = (index) => JSON.stringify({ keys: [{ ...pairs[index].publicKey.export({ format: 'jwk' }), kid: `key${index}`, alg: 'ES256', use: 'sig' }] })
    let asked = 0, late
    const provider = http.createServer((request, response) => {
      if (request.url === '/new') response.end(keys(1))
      else if (++asked === 1) response.end(keys(0))
      else late = () => response.end(keys(0))
    })
    await new Promise((resolve) => provider.listen(0, '127.0.0.1', resolve))
    const settings = (path) => writeFileSync('keys.toml', `jwks-url = "http://127.0.0.1:${provider.address().port}${path}"
jwks-refresh = 1
`)
    settings('/old')
    try {
      await withStage({ config: 'keys.toml' }, async (stage) => {
        const status = async (index) => (await stage.get('/realtime/v1/snapshot?table=orders', signed(pairs[index].privateKey, `key${index}`, { role: 'authenticated', sub: users[0] }))).status
        assert.equal(await status(0), 200)
        stage.process.kill('SIGHUP')
        await until(() => late, 'the gateway looks again')
        settings('/new')
        stage.process.kill('SIGHUP')
        await until(() => stage.log.match(/settings were read again/g)?.length === 2, 'new settings')
        late()
        await until(async () => (await status(1)) === 200, 'the new key is known')
        assert.equal(await status(0), 401)
      })()
    } finally { provider.close() }
  })

  test('flags win over the environment, and that over the file, which the environment may name, too', () => {
    writeFileSync('order.toml', 'slot = "Of File"\nlog-format = "of file"\n')
    const slot = (flags, variables) => {
      const [code, told] = run(flags, variables)
      assert.equal(code, 2, told)
      return /slot "(.*)" is no name/.exec(told)?.[1]
    }
    const file = ['--config', 'order.toml']
    assert.equal(slot([...file, '--slot', 'Of Flag'], { PG_REALTIMED_SLOT: 'Of Environment' }), 'Of Flag')
    assert.equal(slot(file, { PG_REALTIMED_SLOT: 'Of Environment' }), 'Of Environment')
    assert.equal(slot(file), 'Of File')
    assert.equal(slot([], { PG_REALTIMED_CONFIG: 'order.toml' }), 'Of File')
    assert.match(run(file, { PG_REALTIMED_SLOT: 'right' })[1], /log-format "of file"/, 'the rest of the file counts')
    assert.equal(run(['--config', 'none.toml'])[0], 2)
    assert.equal(run([], { PG_REALTIMED_CONFIG: 'none.toml' })[0], 2)
  })

  test('the file is TOML', withStage({ config: 'toml.toml' }, async (stage) => {
    const status = async (audience) => (await stage.get('/realtime/v1/snapshot?table=orders', token({ role: 'authenticated', sub: users[0], aud: audience }))).status
    assert.equal(await status('a "quoted" # one'), 200)
    assert.equal(await status("with, comma"), 200)
    assert.equal(await status('last'), 200)
    assert.equal(await status('with'), 401)
    const preflight = await fetch(stage.url + '/realtime/v1/snapshot', { method: 'OPTIONS', headers: { 'origin': 'https://b.example', 'access-control-request-method': 'GET' } })
    assert.equal(preflight.headers.get('access-control-allow-origin'), 'https://b.example', 'a text with commas is a list, too')
    const socket = await rawSocket(stage)
    assert.match(socket.extensions, /permessage-deflate/)
    socket.close()
  }))

  test('what is wrong in the file is named with its line', () => {
    const told = (text) => {
      writeFileSync('wrong.toml', text)
      const [code, message] = run(['--config', 'wrong.toml'])
      assert.equal(code, 2, message)
      return message
    }
    const at = (line, column) => `pg_realtimed: file "wrong.toml", line ${line}, column ${column}: `
    const starts = (text, start) => assert.ok(told(text).startsWith(start), `${told(text)} does not start with ${start}`)
    starts('slot = "a"\n# b\npool_size = 1\n', at(3, 1) + 'there is no setting "pool_size"; ')
    starts('jwt-secret = "x"\n', at(1, 1) + 'the secret is no setting of the file')
    starts('pool-size = "4"\n', at(1, 1) + 'pool-size must be an integer, not text "4"')
    starts('\npool-size = 1_000\n', at(2, 1) + '--pool-size: ')
    starts('compression = "true"\n', at(1, 1) + 'compression must be true or false, not text "true"')
    starts('slot = 1\n', at(1, 1) + 'slot must be a text in quotes, not integer 1')
    starts('jwt-leeway = nan\n', at(1, 1) + 'jwt-leeway must be a number, not number nan')
    starts('resume-bytes = 1.5\n', at(1, 1) + 'resume-bytes must be an integer, or a text with a unit')
    starts('roles = ["a=b", 1]\n', at(1, 1) + 'roles must be an array of texts')
    starts('roles = [\n  "a=b", # "c"\n  "d#e",\n]\n', 'pg_realtimed: roles has "d#e"')
    starts('slot = "tab\\there" # not this\n', 'pg_realtimed: slot "tab\there" is no name')
    starts('slot = "a"\n[limits]\nmessage-bytes = 1\n', at(2, 2) + 'table "limits": settings stand in no tables')
    starts('limits.message-bytes = 1\n', at(1, 1) + 'table "limits"')
    starts('slot = "a"\nslot = "b"\n', 'pg_realtimed: file "wrong.toml", line 2, column ')
    starts('slot = "a\n', 'pg_realtimed: file "wrong.toml", line 1, column ')
    starts('slot: a\n', 'pg_realtimed: file "wrong.toml", line 1, column ')
    assert.match(run(['--config', '.'])[1], /file "\." cannot be read: Is a directory/)
  })

  test('wrong settings end with 2 and name what is wrong, --check ends with 1 when the database is not ready', () => {
    assert.deepEqual(run(['--slot', 'No Slot'])[0], 2)
    assert.match(run(['--slot', 'No Slot'])[1], /slot "No Slot" is no name of a slot/)
    assert.equal(run(['--nonsense'])[0], 2)
    for (const [name, value] of [['pool-size', '0'], ['max-change-bytes', '1GB'], ['resume-bytes', '1kB'], ['idle-timeout', '-1'], ['messages-per-second', '0'], ['body-bytes', 'many'], ['jwt-leeway', 'nan'], ['proxies', '10.0.0.0/8'], ['broadcast-bytes-per-second', '0']]) {
      const [code, told] = run([`--${name}`, value])
      assert.equal(code, 2, name)
      assert.match(told, new RegExp(name), 'what is wrong is named')
    }
    const [code, told] = run(['--database-url', 'postgresql://gateway:open%sesame@localhost/shop'])
    assert.equal(code, 2)
    assert.match(told, /database-url is no connection string/)
    assert.doesNotMatch(told, /sesame/, 'nobody sees the password')
    assert.equal(run(['--check', '--send-queue-bytes', '64kB', '--report-interval', '0', '--database-url', 'dbname=postgres'])[0], 1)
    assert.match(run(['--version'])[1], /^pg_realtimed \d+\.\d+\.\d+\n$/)
    assert.match(run(['--help'])[1], /--resume-window/)
    assert.equal(run(['--check', '--database-url', 'dbname=postgres'])[0], 1)
    assert.match(run(['--check', '--database-url', 'dbname=postgres'])[1], /not installed/)
  })

  test('a password of the database is refused as a flag, and taken from the environment or a file, which should be for its owner only', () => {
    const url = 'postgresql://gateway:open-sesame@localhost:1/shop'
    for (const flags of [['--database-url', url], [`--database-url=${url}`], ['--database-url', 'host=localhost password=open-sesame'], ['--check', '--database-url', url]]) {
      const [code, told] = run(flags)
      assert.equal(code, 2)
      assert.match(told, /database-url holds a password, which every user .*PG_REALTIMED_DATABASE_URL.*--config.*PGPASSFILE/)
      assert.doesNotMatch(told, /open-sesame/)
    }
    const started = (flags, environment = {}) => {
      const { status, stdout, stderr } = spawnSync(process.env.PG_REALTIMED, ['--check', ...flags], { encoding: 'utf8', env: { ...process.env, PG_REALTIMED_JWT_SECRET: secret, ...environment } })
      assert.equal(status, 1, stderr)
      assert.match(stdout, /the database cannot be reached/)
      assert.doesNotMatch(stdout + stderr, /open-sesame/)
      return stderr
    }
    started([], { PG_REALTIMED_DATABASE_URL: url })
    writeFileSync('password.toml', `database-url = "${url}"\n`, { mode: 0o600 })
    assert.doesNotMatch(started(['--config', 'password.toml']), /mode 0600/)
    chmodSync('password.toml', 0o644)
    assert.match(started(['--config', 'password.toml']), /file "password.toml" holds a password of the database and can be read by other users; make its mode 0600/)
  })

  test('a socket that systemd passes is used, and systemd is told when it starts and ends', async () => {
    // What systemd does: a listening socket as descriptor 3, and a datagram socket for the news.
    const systemd = `use IO::Socket::INET; use IO::Socket::UNIX; use POSIX ();
      my $news = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => 'notify.sock') or die $!;
      my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1:0') or die $!;
      $| = 1; print 'port ', $listener->sockport, "\n";
      my $child = fork // die $!;
      if (!$child) { POSIX::dup2(fileno($listener), 3); @ENV{qw(LISTEN_PID LISTEN_FDS NOTIFY_SOCKET)} = ($$, 1, "$ENV{PWD}/notify.sock"); exec @ARGV or die $! }
      close $listener;
      for (1 .. 2) { $news->recv(my $text, 100); print "$text\n"; kill TERM => $child if $text eq 'READY=1' }
      waitpid $child, 0; print "exit $?\n"`
    const run = spawn('perl', ['-e', systemd, process.env.PG_REALTIMED, '--database-url', 'host=/nowhere', '--listen', '127.0.0.1:1'],
      { env: { ...process.env, PWD: process.cwd(), PG_REALTIMED_JWT_SECRET: secret }, stdio: ['ignore', 'pipe', 'pipe'] })
    let text = '', log = ''
    run.stdout.on('data', (data) => { text += data })
    run.stderr.on('data', (data) => { log += data })
    await until(() => /exit/.test(text), 'end')
    assert.match(text, /^port \d+\nREADY=1\nSTOPPING=1\nexit 0\n$/, log)
    assert.match(log, /listening on a socket of systemd/)
    assert.doesNotMatch(log, /127\.0\.0\.1:1\b/, 'the setting listen does not count then')
  })

  test('a socket in the file system serves the same', withStage({ listen: '127.0.0.1:0,unix:gateway.sock' }, async () => {
    const text = await new Promise((resolve, reject) => http.get({ socketPath: 'gateway.sock', path: '/readyz' }, (answer) => { let body = ''; answer.on('data', (data) => { body += data }); answer.on('end', () => resolve(body)) }).on('error', reject))
    assert.equal(text, 'ok\n')
  }))
})
