// Adds up what a browser fetches before the first page shows: index.html, what it names, and what those import at
// once. Fails above the budget.
import { existsSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const budget = 250_000;
const dist = new URL('../dist/', import.meta.url);

if (!existsSync(new URL('index.html', dist))) {
  console.error('dist/index.html is not there: run `npm run build` first.');
  process.exit(1);
}

const first = new Set(['index.html']);
for (const file of first) {
  for (const name of namedBy(file, readFileSync(new URL(file, dist), 'utf8'))) first.add(name);
}

let total = 0;
for (const file of first) {
  const size = gzipSync(readFileSync(new URL(file, dist))).length;
  total += size;
  console.log(`${String(size).padStart(8)}  ${file}`);
}
console.log(`${String(total).padStart(8)}  of ${budget} bytes, compressed`);
if (total > budget) process.exit(1);

function namedBy(file, text) {
  if (file.endsWith('.html')) return [...text.matchAll(/(?:src|href)="\/([^"]+)"/g)].map(([, name]) => name);
  if (!file.endsWith('.js')) return [];
  // Static imports only, because import("…") loads later.
  return [
    ...text.matchAll(
      /(?:^|[;}\s])(?:import|export)\s*(?:[\w$*{},\s]+?\sfrom\s*|[{][^}]*[}]\s*from\s*)?["']\.\/([^"']+\.js)["']/g,
    ),
  ].map(([, name]) => `assets/${name}`);
}
