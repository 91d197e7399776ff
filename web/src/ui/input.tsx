import { Search } from 'lucide-react';
import type { ComponentProps } from 'react';
import { classNames } from './class-names';

/** The classes of text inputs. aria-invalid makes the border red. */
export const inputLook =
  'w-full min-h-8 rounded-md border border-edge bg-raised px-2.5 py-1 transition-colors hover:border-muted disabled:bg-hover disabled:text-muted [&[readonly]]:bg-hover aria-invalid:border-failed';

export function Input({ className, ...rest }: ComponentProps<'input'>) {
  return <input {...rest} className={classNames(inputLook, className)} />;
}

export function Textarea({ className, ...rest }: ComponentProps<'textarea'>) {
  return <textarea {...rest} className={classNames(inputLook, 'py-1.5', className)} />;
}

export function Select({ className, ...rest }: ComponentProps<'select'>) {
  return <select {...rest} className={classNames(inputLook, 'pr-1.5', className)} />;
}

interface SearchInputProps extends Omit<ComponentProps<'input'>, 'onChange' | 'value'> {
  label: string;
  value: string;
  onChange: (value: string) => void;
}

/** A filter box, which filters the page while the user types. */
export function SearchInput({ label, value, onChange, className, ...rest }: SearchInputProps) {
  return (
    <div className={classNames('relative', className)}>
      <Search size={16} aria-hidden className="pointer-events-none absolute top-2 left-2.5 text-muted" />
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        {...rest}
        className={classNames(inputLook, 'pl-8')}
      />
    </div>
  );
}
