import { ArrowLeft, Save } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { WholeRole } from '@/api/types';
import { Button } from '@/ui/button';
import { Confirm } from '@/ui/dialog';
import { plural } from '@/ui/format';
import { ChangesList } from './changes-list';
import { type Change, type Draft, requestOf } from './draft';
import { useWhatItMeans } from './preview';

interface ReviewChangesProps {
  base: WholeRole | undefined;
  draft: Draft;
  changes: readonly Change[];
  busy: boolean;
  onSave: () => void;
  onBack: () => void;
}

/** What will be saved, and what it means for people. Taking something from people needs a confirmation. */
export function ReviewChanges({ base, draft, changes, busy, onSave, onBack }: ReviewChangesProps) {
  const [asking, setAsking] = useState(false);
  const proposal = useMemo(() => [{ saveRole: requestOf(draft, base?.version) }], [draft, base]);
  const { loading, losing, view } = useWhatItMeans(proposal);
  // If nobody could tell, the person who saves decides.
  const takes = losing === undefined || losing > 0;
  return (
    <div className="space-y-6">
      <section aria-label="What changes" className="space-y-2">
        <h2 className="border-b pb-1.5">What changes</h2>
        <ChangesList label="What changes" changes={changes} />
      </section>
      {view}
      <footer className="sticky bottom-12 flex flex-wrap items-center gap-3 border-t bg-page py-3 sm:bottom-0">
        <Button icon={ArrowLeft} onClick={onBack}>
          Back
        </Button>
        <Button tone="primary" icon={Save} busy={busy || loading} onClick={() => (takes ? setAsking(true) : onSave())}>
          {base ? 'Save' : 'Create the role'}
        </Button>
      </footer>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={losing ? `${plural(losing, 'person', 'people')} will lose something` : 'Save without a preview?'}
        confirm={base ? 'Save' : 'Create the role'}
        onConfirm={onSave}
      >
        <p>
          {losing
            ? 'It counts at once, for everything that they do from now on.'
            : 'It is not known what the change means for people. It counts at once.'}
        </p>
      </Confirm>
    </div>
  );
}
