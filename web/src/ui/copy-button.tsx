import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { IconButton } from './button';
import { visible } from './visible';

interface CopyButtonProps {
  /** Called when pressed, so that a long text is built only when it is needed. */
  text: () => string;
  label: string;
}

/**
 * Copies a text with its control characters made visible, because it may be pasted into a terminal. The
 * button is hidden where browsers permit no clipboard: on pages without HTTPS from other machines.
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
