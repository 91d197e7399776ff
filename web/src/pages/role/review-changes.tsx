import { ArrowLeft, Save } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { WholeRole } from '@/api/types';
import { Button } from '@/ui/button';
import { Confirm } from '@/ui/dialog';
import { ChangesList } from './changes-list';
import { confirmationOf } from './confirmation';
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

/** What will be saved, and what it means for people. What may take something from people needs a confirmation. */
export function ReviewChanges({ base, draft, changes, busy, onSave, onBack }: ReviewChangesProps) {
  const [asking, setAsking] = useState(false);
  const proposal = useMemo(() => [{ saveRole: requestOf(draft, base) }], [draft, base]);
  const { loading, preview, view } = useWhatItMeans(proposal, base?.version);
  const confirmation = confirmationOf(preview);
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
        <Button
          tone="primary"
          icon={Save}
          busy={busy || loading}
          onClick={() => (confirmation ? setAsking(true) : onSave())}
        >
          {base ? 'Save' : 'Create the role'}
        </Button>
      </footer>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={confirmation?.title ?? ''}
        confirm={base ? 'Save' : 'Create the role'}
        onConfirm={onSave}
      >
        {confirmation?.reasons.map((reason) => (
          <p key={reason}>{reason}</p>
        ))}
        <p>It counts at once, for everything that people do from now on.</p>
      </Confirm>
    </div>
  );
}
