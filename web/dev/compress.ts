import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const worthCompressing = /\.(js|css|html|svg)$/;
const smallest = 1024;

/**
 * Empties dist/ (except .gitkeep) before a build, and writes a .gz beside each text file after it, which
 * web/handler.go serves.
 */
export function compressAssets(): Plugin {
  let directory = '';
  return {
    name: 'portico:compress-assets',
    apply: 'build',
    configResolved(config) {
      directory = config.build.outDir;
    },
    buildStart() {
      for (const name of readdirSync(directory)) {
        if (name !== '.gitkeep') rmSync(join(directory, name), { recursive: true });
      }
    },
    closeBundle() {
      for (const entry of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
        const file = join(directory, entry);
        if (!worthCompressing.test(entry) || statSync(file).size < smallest) continue;
        writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: constants.Z_BEST_COMPRESSION }));
      }
    },
  };
}
