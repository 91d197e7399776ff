const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A duration in at most two units: `340 ms`, `4.2 s`, `1 min 12 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(milliseconds: number): string {
  const span = Math.max(0, milliseconds);
  if (span < 1) return '< 1 ms';
  if (span < second) return `${Math.floor(span)} ms`;
  if (span < 10 * second) return `${(Math.floor(span / 100) / 10).toFixed(1)} s`;
  if (span < minute) return `${Math.floor(span / second)} s`;
  if (span < hour) return pair(span, minute, 'min', second, 's');
  if (span < day) return pair(span, hour, 'h', minute, 'min');
  return pair(span, day, 'd', hour, 'h');
}

/** A changing duration in whole seconds, so that it can be read. */
export function formatCounting(milliseconds: number): string {
  const seconds = Math.floor(Math.max(0, milliseconds) / second);
  return seconds < 60 ? `${seconds} s` : formatDuration(seconds * second);
}

function pair(span: number, big: number, bigUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((span % big) / small);
  const head = `${Math.floor(span / big)} ${bigUnit}`;
  return rest === 0 ? head : `${head} ${rest} ${smallUnit}`;
}

/**
 * A moment relative to now: `just now`, `5 min ago`, `in 2 h`, `3 d ago`; a date if it is more than a month
 * away.
 */
export function formatRelative(moment: Date, now: Date): string {
  const away = now.getTime() - moment.getTime();
  const distance = Math.abs(away);
  if (distance >= 30 * day) return moment.toLocaleDateString(undefined, { dateStyle: 'medium' });
  const words = coarse(distance);
  if (words === undefined) return 'just now';
  return away > 0 ? `${words} ago` : `in ${words}`;
}

function coarse(distance: number): string | undefined {
  if (distance < 10 * second) return undefined;
  if (distance < minute) return `${Math.floor(distance / second)} s`;
  if (distance < hour) return `${Math.floor(distance / minute)} min`;
  if (distance < day) return `${Math.floor(distance / hour)} h`;
  return `${Math.floor(distance / day)} d`;
}

export function formatAbsolute(moment: Date): string {
  return moment.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' });
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
