import { useInfiniteQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ApiError } from '@/api/errors';
import { previewQuery } from '@/api/queries';
import type { Preview, PreviewedChange, Proposal } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { Button } from '@/ui/button';
import { plural } from '@/ui/format';
import { ErrorPanel, Skeleton } from '@/ui/states';

interface WhatItMeans {
  /** True until the server has compared everybody. */
  loading: boolean;
  /** Undefined if the preview failed. */
  preview: Preview | undefined;
  view: ReactNode;
}

/** Who gains and who loses which permissions by a change of roles, of which the version is what it begins with. */
export function useWhatItMeans(changes: readonly Partial<Proposal>[], version?: string): WhatItMeans {
  const query = useInfiniteQuery(previewQuery(changes, version));
  const preview = query.data && joined(query.data.pages);
  return {
    loading: query.isPending,
    preview,
    view: (
      <section aria-label="What it means for people" className="space-y-3">
        <h2 className="border-b pb-1.5">What it means for people</h2>
        {query.isPending && (
          <div>
            <p className="text-muted">Comparing what everybody may do before and after …</p>
            <Skeleton />
          </div>
        )}
        {query.error && <NotCompared error={query.error} onRetry={() => query.refetch()} />}
        {preview && (
          <Meaning
            preview={preview}
            more={
              query.hasNextPage && (
                <Button disabled={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
                  Show more people
                </Button>
              )
            }
          />
        )}
      </section>
    ),
  };
}

/** Why there is no preview. To reload the page, as is the advice about other conflicts, would lose the draft. */
function NotCompared({ error, onRetry }: { error: Error; onRetry: () => void }) {
  if (!(error instanceof ApiError && error.status === 409))
    return <ErrorPanel error={error} doing="tell what it means for people" onRetry={onRetry} />;
  return (
    <p role="alert" className="rounded-md border p-4 wrap-anywhere">
      This cannot be saved as it is. {error.message.replace(/^changes\[\d+\]: /, '')}.
    </p>
  );
}

/** All pages as one. Each of them has all numbers, and the reasons why something of it is not known. */
function joined(pages: readonly Preview[]): Preview | undefined {
  const [first] = pages;
  return (
    first && {
      ...first,
      items: pages.flatMap(({ items }) => items),
      incomplete: [...new Set(pages.flatMap(({ incomplete }) => incomplete))],
    }
  );
}

interface MeaningProps {
  preview: Preview;
  more: ReactNode;
}

function Meaning({ preview, more }: MeaningProps) {
  return (
    <>
      <p role="status">{summaryOf(preview)}</p>
      {preview.incomplete.map((reason) => (
        <p key={reason} className="text-waiting">
          Not all is known: {reason}.
        </p>
      ))}
      {preview.permissions.length > 0 && <Permissions preview={preview} />}
      {preview.items.length > 0 && (
        <ul aria-label="People" className="divide-y">
          {preview.items.map((person) => (
            <li key={person.user} className="py-2">
              <EntityLink entityRef={person.user} className="font-medium" />
              <ul>
                {person.changes.map((change) => (
                  <li key={`${change.permission} ${change.action} ${change.resourceType}`} className="wrap-anywhere">
                    <Difference of={change} />
                  </li>
                ))}
              </ul>
            </li>
          ))}
        </ul>
      )}
      {more}
    </>
  );
}

/** `2 of 14 people: 1 gains something, 1 loses something.` */
export function summaryOf({ people: { compared, affected, gain, lose, alter } }: Preview): string {
  if (affected === 0)
    return `Nobody gains or loses anything. ${plural(compared, 'person was', 'people were')} compared.`;
  const parts = [
    gain > 0 && `${gain} ${gain === 1 ? 'gains' : 'gain'} something`,
    lose > 0 && `${lose} ${lose === 1 ? 'loses' : 'lose'} something`,
    alter > 0 && `for ${alter}, conditions change`,
  ];
  return `${affected} of ${plural(compared, 'person', 'people')}: ${parts.filter(Boolean).join(', ')}.`;
}

function Permissions({ preview }: { preview: Preview }) {
  const cell = (count: number) => <td className="py-1 pr-4 text-muted">{count || ''}</td>;
  return (
    <div className="overflow-x-auto">
      <table aria-label="Permissions" className="w-full border-collapse text-left">
        <thead className="text-small text-muted">
          <tr className="border-b">
            <th scope="col" className="py-1 pr-4 font-normal">
              Permission
            </th>
            <th scope="col" className="w-20 font-normal">
              Gain
            </th>
            <th scope="col" className="w-20 font-normal">
              Lose
            </th>
            <th scope="col" className="w-28 font-normal">
              Other conditions
            </th>
          </tr>
        </thead>
        <tbody>
          {preview.permissions.map(({ permission, action, resourceType, gain, lose, alter }) => (
            <tr key={`${permission} ${action} ${resourceType}`} className="border-b">
              <th scope="row" className="py-1 pr-4 font-normal">
                <code className="font-mono text-small wrap-anywhere">{permission}</code>
              </th>
              {cell(gain)}
              {cell(lose)}
              {cell(alter)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const effects: Record<PreviewedChange['effect'], string> = {
  gains: 'gains',
  loses: 'loses',
  alters: 'has under other conditions',
};

const results: Record<PreviewedChange['after'], string> = {
  ALLOW: 'on everything',
  CONDITIONAL: 'under conditions',
  DENY: 'not at all',
};

function Difference({ of: { permission, effect, before, after, resources } }: { of: PreviewedChange }) {
  return (
    <>
      <span className={effect === 'loses' ? 'text-failed' : 'text-muted'}>{effects[effect]}</span>{' '}
      <code className="font-mono text-small">{permission}</code>
      <span className="text-muted">
        {after !== before && after !== 'DENY' && before !== 'DENY' && `, now ${results[after]}`}
        {effect === 'gains' && before === 'DENY' && after === 'CONDITIONAL' && ' under conditions'}
      </span>
      {resources && (
        <span className="text-small text-muted">
          {' '}
          <Counted word="more" count={resources.gained} examples={resources.gainedExamples} />
          <Counted word="fewer" count={resources.lost} examples={resources.lostExamples} />
          {resources.onlyReadable && 'among those that you may read'}
        </span>
      )}
    </>
  );
}

function Counted({ word, count, examples }: { word: string; count: number; examples: readonly string[] }) {
  if (count === 0) return null;
  const more = count > examples.length ? ', …' : '';
  return `on ${count.toLocaleString('en')} ${word}${examples.length > 0 ? ` (${examples.join(', ')}${more})` : ''} `;
}
