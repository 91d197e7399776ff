import { AlertDialog } from 'radix-ui';
import { type ReactNode, type RefObject, useRef } from 'react';
import { Button } from './button';

interface ConfirmProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  /** What confirming will change. */
  children: ReactNode;
  confirm: string;
  onConfirm: () => void;
  /** Where the focus goes afterwards, for an opener that is gone by then, such as an item of a menu. */
  returnTo?: RefObject<HTMLElement | null>;
}

/** Asks for confirmation of something that cannot be undone, and shows what it will change. */
export function Confirm({ open, onOpenChange, title, children, confirm, onConfirm, returnTo }: ConfirmProps) {
  const opener = useRef<Element | null>(null);
  return (
    <AlertDialog.Root open={open} onOpenChange={onOpenChange}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="fixed inset-0 z-40 bg-[rgb(0_0_0/0.35)]" />
        <AlertDialog.Content
          // Radix returns the focus to a trigger only, and buttons open this dialog without being one.
          onOpenAutoFocus={() => {
            opener.current = document.activeElement;
          }}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            const target = returnTo?.current ?? opener.current;
            if (target instanceof HTMLElement) target.focus();
          }}
          className="fixed top-[12dvh] left-1/2 z-50 max-h-[76dvh] w-[min(520px,calc(100vw-32px))] -translate-x-1/2 overflow-y-auto rounded-lg border bg-raised p-5 shadow-float"
        >
          <AlertDialog.Title className="text-title">{title}</AlertDialog.Title>
          <AlertDialog.Description asChild>
            <div className="mt-2 text-muted">{children}</div>
          </AlertDialog.Description>
          <div className="mt-5 flex flex-wrap justify-end gap-2">
            <AlertDialog.Cancel asChild>
              <Button>Keep it as it is</Button>
            </AlertDialog.Cancel>
            <AlertDialog.Action asChild>
              <Button tone="danger" onClick={onConfirm}>
                {confirm}
              </Button>
            </AlertDialog.Action>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
