import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../e2e/docs/fixtures/mkdocs/', import.meta.url));

const types: Record<string, string> = { json: 'application/json', png: 'image/png' };

/**
 * Documentation for the development server: the site of the browser tests, as that of every entity. It answers whether it
 * has answered.
 */
export async function answerDocs(path: string, response: ServerResponse): Promise<boolean> {
  if (!path.startsWith('/api/techdocs/')) return false;
  if (path.endsWith('/cookie')) {
    end(response, 'application/json', JSON.stringify({ expiresAt: new Date(Date.now() + 3_600_000).toISOString() }));
    return true;
  }
  if (path.startsWith('/api/techdocs/sync/')) {
    end(response, 'text/event-stream', 'event: finish\ndata: {"updated":false}\n\n');
    return true;
  }
  const file = path.startsWith('/api/techdocs/metadata/')
    ? 'techdocs_metadata.json'
    : decodeURIComponent(path.replace(/^\/api\/techdocs\/static\/docs\/[^/]+\/[^/]+\/[^/]+\//, ''));
  try {
    const content = await readFile(folder + file);
    end(response, types[file.slice(file.lastIndexOf('.') + 1)] ?? 'text/plain; charset=utf-8', content);
  } catch {
    response.statusCode = 404;
    end(response, 'text/plain; charset=utf-8', 'File Not Found');
  }
  return true;
}

function end(response: ServerResponse, type: string, body: string | Buffer): void {
  response.setHeader('Content-Type', type);
  response.end(body);
}
