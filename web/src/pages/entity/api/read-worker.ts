import type { ReadableType } from './model';
import { readDefinition } from './read';

// Reading five megabytes takes seconds, during which a page could neither scroll nor answer. So a worker does it.
addEventListener('message', ({ data }: MessageEvent<{ type: ReadableType; source: string }>) => {
  postMessage(readDefinition(data.type, data.source));
});
