import { useQuery } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { Dialog } from 'radix-ui';
import { useEffect, useId, useRef, useState } from 'react';
import { containerLogQuery } from '@/api/queries';
import { stripAnsi } from '@/run/ansi';
import { IconButton } from '@/ui/button';
import { CopyButton } from '@/ui/copy-button';
import { Select } from '@/ui/input';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { visible } from '@/ui/visible';
import { containersOf, type Pod } from './objects';

/** The container whose log is wanted: of its present run, or of the one before its last restart. */
export interface Wanted {
  pod: Pod;
  container: string;
  previous: boolean;
}

interface ContainerLogProps {
  cluster: string;
  wanted: Wanted;
  onClose: () => void;
}

/** A dialog with the end of a container's log, which grows while it is open. */
export function ContainerLog({ cluster, wanted: { pod, ...first }, onClose }: ContainerLogProps) {
  const opener = useRef(document.activeElement);
  const [shown, setShown] = useState({ ...first, tailLines: 200 });
  const { name, namespace = '' } = pod.metadata;
  return (
    <Dialog.Root open onOpenChange={(open) => open || onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-[rgb(0_0_0/0.35)]" />
        <Dialog.Content
          aria-describedby={undefined}
          // Radix returns the focus to a trigger only, and several buttons open this dialog.
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            if (opener.current instanceof HTMLElement) opener.current.focus();
          }}
          className="fixed top-[6dvh] left-1/2 z-50 flex h-[88dvh] w-[min(1100px,calc(100vw-32px))] -translate-x-1/2 flex-col gap-3 rounded-lg border bg-raised p-5 shadow-float"
        >
          <div className="flex items-start gap-3">
            <Dialog.Title className="min-w-0 grow text-title wrap-anywhere">Log of {name}</Dialog.Title>
            <Dialog.Close asChild>
              <IconButton icon={X} label="Close" />
            </Dialog.Close>
          </div>
          <Choices pod={pod} shown={shown} onChange={setShown} />
          <Lines place={{ cluster, namespace, pod: name, container: shown.container }} shown={shown} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface Shown {
  container: string;
  previous: boolean;
  tailLines: number;
}

function Choices({ pod, shown, onChange }: { pod: Pod; shown: Shown; onChange: (shown: Shown) => void }) {
  const id = useId();
  const restarted = containersOf(pod).find(({ name }) => name === shown.container)?.restartCount ?? 0;
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <label htmlFor={`${id}-container`} className="flex items-center gap-2">
        Container
        <Select
          id={`${id}-container`}
          value={shown.container}
          onChange={({ target }) => onChange({ ...shown, container: target.value, previous: false })}
        >
          {containersOf(pod).map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </Select>
      </label>
      <label htmlFor={`${id}-lines`} className="flex items-center gap-2">
        Lines
        <Select
          id={`${id}-lines`}
          value={shown.tailLines}
          onChange={({ target }) => onChange({ ...shown, tailLines: Number(target.value) })}
        >
          {[200, 1000, 5000].map((lines) => (
            <option key={lines}>{lines}</option>
          ))}
        </Select>
      </label>
      {restarted > 0 && (
        <label className="flex items-center gap-2">
          <input
            type="checkbox"
            checked={shown.previous}
            onChange={({ target }) => onChange({ ...shown, previous: target.checked })}
          />
          Before the last restart
        </label>
      )}
    </div>
  );
}

function Lines({ place, shown }: { place: Parameters<typeof containerLogQuery>[0]; shown: Shown }) {
  const { tailLines, previous } = shown;
  const { data, error, refetch } = useQuery(containerLogQuery(place, { tailLines, previous }));
  const pane = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (data !== undefined && atEnd.current && pane.current) pane.current.scrollTop = pane.current.scrollHeight;
  }, [data]);
  if (error) return <ErrorPanel error={error} doing="read the log" onRetry={() => refetch()} />;
  if (data === undefined) return <Skeleton lines={8} />;
  const text = visible(stripAnsi(data)).trimEnd();
  if (!text) return <p className="text-muted">The container has not written anything.</p>;
  return (
    <div className="relative min-h-0 grow">
      <pre
        ref={pane}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
          atEnd.current = scrollTop + clientHeight >= scrollHeight - 8;
        }}
        className="h-full overflow-auto rounded-md border bg-page p-3 font-mono text-small whitespace-pre-wrap wrap-anywhere"
      >
        {text}
      </pre>
      <div className="absolute top-3 right-5">
        <CopyButton text={() => text} label="Copy the log" />
      </div>
    </div>
  );
}
