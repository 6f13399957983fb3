// bittorrent-dht and pkarr, both from npm, on nodes of this machine. It runs from a copy beside their
// node_modules.
//
//   dht.mjs serve IP..                    nodes at IP:6881, each knowing the first, until killed
//   dht.mjs put BOOT KEYFILE SALT SEQ TEXT stores a mutable value; KEYFILE is an identity.key
//   dht.mjs get BOOT TARGET [SALT]        prints a value, mutable or not
//   dht.mjs put-immutable BOOT TEXT       prints its target
//   dht.mjs announce BOOT INFOHASH PORT
//   dht.mjs peers BOOT INFOHASH           prints IP:PORT lines
//   dht.mjs publish BOOT KEYFILE NAME TEXT  by pkarr: a TXT record of NAME; prints the key
//   dht.mjs resolve BOOT KEY              by pkarr: prints the records of a key as JSON
//   dht.mjs relay IP PORT BOOT            a pkarr relay (HTTP), until killed
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import process from 'node:process'
import DHT from 'bittorrent-dht'
import sodium from 'sodium-universal'
import { SignedPacket, z32 } from 'pkarr'
import PkarrDHT from 'pkarr/lib/dht.js'

const PORT = 6881
const PATIENCE = 20000
const verify = sodium.crypto_sign_verify_detached

function keysOf(file) {
  const seed = Buffer.from(readFileSync(file, 'utf8').split(/\s+/)[1], 'hex')
  const publicKey = Buffer.alloc(32), secretKey = Buffer.alloc(64)
  sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed)
  return { publicKey, secretKey }
}

function node(boot) {
  return new DHT({ bootstrap: boot ? [`${boot}:${PORT}`] : false, verify })
}

async function ready(boot) {
  const dht = node(boot)
  await new Promise((resolve) => dht.on('ready', resolve))
  return dht
}

const promised = (start) => new Promise((resolve, reject) => {
  start((error, value) => (error ? reject(error) : resolve(value)))
})

async function serve(...ips) {
  for (const ip of ips) {
    const dht = node(ip === ips[0] ? null : ips[0])
    await new Promise((resolve) => dht.listen(PORT, ip, resolve))
    await new Promise((resolve) => (dht.ready ? resolve() : dht.on('ready', resolve)))
  }
  console.log('READY')
  return new Promise(() => {})
}

async function put(boot, file, salt, seq, text) {
  const { publicKey, secretKey } = keysOf(file)
  const sign = (message) => {
    const signature = Buffer.alloc(64)
    sodium.crypto_sign_detached(signature, message, secretKey)
    return signature
  }
  const item = { k: publicKey, seq: Number(seq), v: Buffer.from(text), sign }
  if (salt) item.salt = Buffer.from(salt)
  const dht = await ready(boot)
  console.log((await promised((done) => dht.put(item, done))).toString('hex'))
}

async function get(boot, target, salt) {
  const dht = await ready(boot)
  const options = salt ? { salt: Buffer.from(salt) } : {}
  const found = await promised((done) => dht.get(Buffer.from(target, 'hex'), options, done))
  if (!found) throw new Error('nothing')
  console.log(found.v.toString())
}

async function putImmutable(boot, text) {
  const dht = await ready(boot)
  console.log((await promised((done) => dht.put({ v: Buffer.from(text) }, done))).toString('hex'))
}

async function announce(boot, infohash, port) {
  const dht = await ready(boot)
  await promised((done) => dht.announce(infohash, Number(port), done))
}

async function peers(boot, infohash) {
  const dht = await ready(boot)
  dht.on('peer', (peer) => console.log(`${peer.host}:${peer.port}`))
  await promised((done) => dht.lookup(infohash, done))
}

// ---- pkarr ----

const pkarr = (boot) => new PkarrDHT({
  bootstrap: [{ host: boot, port: PORT }],
  storage: { loadRoutingTable() {}, saveRoutingTable() {} },
})

async function publish(boot, file, name, text) {
  const keys = keysOf(file)
  const packet = SignedPacket.fromPacket(keys, {
    id: 0,
    type: 'response',
    flags: 0,
    answers: [{ name, type: 'TXT', ttl: 300, class: 'IN', data: text }],
  })
  await pkarr(boot).put(packet.bep44Args())
  console.log(z32.encode(keys.publicKey))
}

async function resolve(boot, key) {
  const found = await pkarr(boot).get(z32.decode(key), { fullLookup: true })
  if (!found) throw new Error('nothing')
  const packet = SignedPacket.fromBep44Args(found)
  const text = (data) => (Array.isArray(data) ? data.map(String) : data)
  const answers = packet.packet().answers.map((a) => ({ ...a, data: text(a.data) }))
  console.log(JSON.stringify({ seq: found.seq, nodes: found.nodes.length, answers }))
}

// PUT and GET /KEY as the pkarr relay has them: what is put is kept here and handed on to the DHT.
async function relay(ip, port, boot) {
  const dht = pkarr(boot)
  const kept = new Map()

  async function take(key, body) {
    const packet = SignedPacket.fromBytes(z32.decode(key), body)
    const old = kept.get(key)
    if (old && old.subarray(64, 72).compare(body.subarray(64, 72)) > 0) return 409
    kept.set(key, body)
    await dht.put(packet.bep44Args()).catch(() => {})
    return 204
  }

  createServer((request, response) => {
    const key = request.url.slice(1), parts = []
    console.log(request.method, key)
    request.on('data', (part) => parts.push(part))
    request.on('end', async () => {
      if (request.method === 'PUT') {
        response.statusCode = await take(key, Buffer.concat(parts)).catch(() => 400)
        response.end()
      } else if (kept.has(key)) {
        response.setHeader('Content-Type', 'application/pkarr.org/relays#payload')
        response.end(kept.get(key))
      } else {
        response.statusCode = 404
        response.end()
      }
    })
  }).listen(Number(port), ip, () => console.log('READY'))
  return new Promise(() => {})
}

const VERBS = {
  serve, put, get, announce, peers, publish, resolve, relay, 'put-immutable': putImmutable,
}
const [verb, ...args] = process.argv.slice(2)
if (verb !== 'serve' && verb !== 'relay')
  setTimeout(() => { console.error('no answer'); process.exit(1) }, PATIENCE)
await VERBS[verb](...args).catch((error) => { console.error(error.message); process.exit(1) })
process.exit(0)
