import { useNow } from './clock';
import { formatAbsolute, formatCounting, formatDuration, formatRelative } from './format';

/** A moment relative to now, with the absolute time on hover. */
export function RelativeTime({ at }: { at: string }) {
  const now = useNow(10_000);
  const moment = new Date(at);
  return (
    <time dateTime={at} title={formatAbsolute(moment)} className="whitespace-nowrap">
      {formatRelative(moment, now)}
    </time>
  );
}

/** The duration of something; without an end it counts up. */
export function Duration({ from, to }: { from: string; to?: string | undefined }) {
  const now = useNow(to ? undefined : 250);
  const span = (to ? new Date(to) : now).getTime() - new Date(from).getTime();
  return (
    <span className="whitespace-nowrap" title={`from ${formatAbsolute(new Date(from))}`}>
      {to ? formatDuration(span) : formatCounting(span)}
    </span>
  );
}
