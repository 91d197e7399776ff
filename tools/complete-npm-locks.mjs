// Adds the optional packages of other platforms to npm's lock files. npm leaves them out when the machine or the
// registry on which it resolved the packages does not have all of them, and `npm ci` refuses such a lock file on
// every machine. Each package is pinned to the version that its parent names. The checksum is unknown here; npm adds
// it where it can fetch the package.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64']
const libraries = { gnu: 'glibc', musl: 'musl' }

// entry describes an optional package as npm does, as far as its name shows. The order of the keys is npm's.
function entry(name, version, parent) {
  const words = name.split(/[/-]/)
  const library = words.includes('linux') && words.map((word) => libraries[word]).find(Boolean)
  const system = words.find((word) => systems.includes(word))
  const processor = words.find((word) => processors.includes(word))
  return {
    version,
    ...(processor && { cpu: [processor] }),
    ...(parent.dev && { dev: true }),
    ...(library && { libc: [library] }),
    ...(parent.license && { license: parent.license }),
    optional: true,
    ...(system && { os: [system] }),
    ...(parent.engines && { engines: parent.engines }),
  }
}

function complete(packages) {
  const added = {}
  for (const [path, parent] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      const known = `node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages
      if (known) continue
      if (!/^\d+\.\d+\.\d+[-+.\w]*$/.test(version)) throw new Error(`${path} needs ${name} ${version}, which is not a single version`)
      added[`node_modules/${name}`] = entry(name, version, parent)
    }
  }
  return added
}

const tracked = execFileSync('git', ['ls-files', '-z', '--', '*package-lock.json'], { encoding: 'utf8' })
for (const file of tracked.split('\0').filter(Boolean)) {
  const lock = JSON.parse(readFileSync(file, 'utf8'))
  const added = complete(lock.packages)
  if (Object.keys(added).length === 0) continue
  const sorted = Object.entries({ ...lock.packages, ...added }).sort(([a], [b]) => a.localeCompare(b, 'en'))
  writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`)
}
