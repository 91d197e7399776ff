import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { IconButton } from './button';
import { visible } from './visible';

interface CopyButtonProps {
  /** Called when pressed, so that a long text is only put together when somebody wants it. */
  text: () => string;
  label: string;
}

/**
 * Copies a text, its control characters shown: who copies may paste it into a terminal. It is not there where it could not: browsers give the clipboard only to pages that came over HTTPS or
 * from this machine.
 */
export function CopyButton({ text, label }: CopyButtonProps) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [copied]);
  if (!navigator.clipboard) return null;
  return (
    <>
      <IconButton
        icon={copied ? Check : Copy}
        label={copied ? 'Copied' : label}
        className="-my-1.5 -mr-1.5"
        onClick={() => navigator.clipboard.writeText(visible(text())).then(() => setCopied(true))}
      />
      <span role="status" className="sr-only">
        {copied ? 'Copied' : ''}
      </span>
    </>
  );
}
