// node render.js DIRECTORY ROUNDS renders every file of a skeleton and its path with nunjucks, configured as Backstage
// does, so many times over. It prints {"digest", "cpuMillis": [per round]} for the rendering alone: reading the files and
// starting node are left out.
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const nunjucks = require('nunjucks');

const [, , directory, rounds] = process.argv;
const context = JSON.parse(fs.readFileSync(path.join(directory, 'context.json'), 'utf8'));
const root = path.join(directory, 'skeleton');
const files = fs
  .readdirSync(root, { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile())
  .map(entry => path.join(entry.parentPath ?? entry.path, entry.name))
  .map(file => ({ name: path.relative(root, file), source: fs.readFileSync(file, 'utf8') }))
  .sort((a, b) => (a.name < b.name ? -1 : 1));

const cpuMillis = [];
let digest;
for (let round = 0; round < Number(rounds); round++) {
  const outputs = [];
  const before = process.cpuUsage();
  const env = new nunjucks.Environment([], { autoescape: false, tags: { variableStart: '${{', variableEnd: '}}' } });
  for (const { name, source } of files) {
    outputs.push(env.renderString(name, context), env.renderString(source, context));
  }
  const { user, system } = process.cpuUsage(before);
  cpuMillis.push((user + system) / 1000);
  digest = crypto.createHash('sha256').update(outputs.join('\0')).digest('hex');
}
console.log(JSON.stringify({ digest, cpuMillis }));
