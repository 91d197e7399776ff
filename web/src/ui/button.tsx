import { LoaderCircle, type LucideIcon } from 'lucide-react';
import type { ComponentProps } from 'react';
import { classNames } from './class-names';

export type Tone = 'plain' | 'primary' | 'danger' | 'quiet';

const tones: Record<Tone, string> = {
  plain: 'border border-edge bg-raised hover:bg-hover',
  primary: 'border border-accent bg-accent text-on-accent hover:opacity-90',
  danger: 'border border-edge bg-raised text-failed hover:bg-hover',
  quiet: 'text-muted hover:bg-hover hover:text-ink',
};

const shape =
  'inline-flex min-h-8 shrink-0 items-center justify-center gap-1.5 rounded-md px-3 font-medium whitespace-nowrap transition-colors disabled:opacity-50 aria-disabled:opacity-50';

/** The classes of a button, for links that look like one. */
export function buttonLook(tone: Tone = 'plain', extra?: string): string {
  return classNames(shape, tones[tone], extra);
}

export interface ButtonProps extends ComponentProps<'button'> {
  tone?: Tone;
  icon?: LucideIcon;
  /** The action is in progress: the button keeps the focus, and ignores presses. */
  busy?: boolean;
}

export function Button({ tone = 'plain', icon: Icon, busy = false, className, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      {...(busy && { 'aria-disabled': true, onClick: undefined })}
      className={buttonLook(tone, className)}
    >
      {busy ? <LoaderCircle size={16} aria-hidden className="turning" /> : Icon && <Icon size={16} aria-hidden />}
      {children}
    </button>
  );
}

interface IconButtonProps extends ComponentProps<'button'> {
  icon: LucideIcon;
  /** The label for screen readers and on hover. */
  label: string;
}

export function IconButton({ icon: Icon, label, className, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      {...rest}
      className={classNames(
        'inline-flex size-8 shrink-0 items-center justify-center rounded-md text-muted transition-colors hover:bg-hover hover:text-ink disabled:opacity-50',
        className,
      )}
    >
      <Icon size={16} aria-hidden />
    </button>
  );
}
