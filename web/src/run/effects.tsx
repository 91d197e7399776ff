import { Database, FileBox, FolderGit2, type LucideIcon, Shapes, Tags } from 'lucide-react';
import type { Effect } from '@/api/types';
import { classNames } from '@/ui/class-names';
import { ExternalLink } from '@/ui/external-link';
import { StateIcon } from '@/ui/state';
import { effectLooks } from './status';

/** Icons by a word in the effect's kind. Actions define the kinds, so unknown ones are normal. */
const icons: [string, LucideIcon][] = [
  ['repo', FolderGit2],
  ['entity', FileBox],
  ['location', FileBox],
  ['label', Tags],
  ['secret', Database],
];

function iconOf(kind: string): LucideIcon {
  return icons.find(([word]) => kind.toLowerCase().includes(word))?.[1] ?? Shapes;
}

/** The external effects of a run. Rows keep their position while they are undone. */
export function Effects({ effects }: { effects: readonly Effect[] }) {
  return (
    <ul className="divide-y">
      {effects.map((effect) => (
        <EffectRow key={effect.id} effect={effect} />
      ))}
    </ul>
  );
}

function EffectRow({ effect }: { effect: Effect }) {
  const look = effectLooks[effect.state];
  const Icon = iconOf(effect.kind);
  const gone = effect.state === 'undone';
  const name = nameOf(effect);
  return (
    <li className="flex items-start gap-2 py-1.5">
      <Icon size={16} aria-hidden className="mt-0.5 shrink-0 text-muted" />
      <div className="min-w-0 grow">
        <p title={effect.name} className={classNames('wrap-anywhere', gone && 'text-muted line-through')}>
          {effect.url && !gone ? <ExternalLink href={effect.url}>{name}</ExternalLink> : name}
        </p>
        <p className="text-small wrap-anywhere text-muted">{effect.kind.replaceAll(':', ' ')}</p>
        {effect.note && <p className="text-small wrap-anywhere text-muted">{effect.note}</p>}
      </div>
      <span className="flex items-center gap-1.5 text-small whitespace-nowrap text-muted">
        <StateIcon look={look} size={14} />
        {look.word}
      </span>
    </li>
  );
}

/**
 * The effects that exist or existed. An effect that was intended but not created is undone with a note that
 * says why; an undo leaves no note.
 */
export function made(effects: readonly Effect[]): Effect[] {
  return effects.filter(({ state, note }) => !(state === 'undone' && note));
}

/**
 * The name of the effect. A URL is shown without the host, and a file in a repository without the branch,
 * because both are in the link.
 */
export function nameOf({ name }: Pick<Effect, 'name'>): string {
  return name.replace(/^https?:\/\/[^/]+\/(?=.)/, '').replace(/^([^/]+\/[^/]+)\/(?:tree|blob)\/[^/]+\/(?=.)/, '$1/');
}
