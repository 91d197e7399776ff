import { type ReactNode, useId } from 'react';

interface FieldProps {
  label: string;
  help?: ReactNode;
  problem?: string | undefined;
  children: (id: string, describedBy: string) => ReactNode;
}

/** A labelled field with its help, and a line for what is wrong. */
export function Field({ label, help, problem, children }: FieldProps) {
  const id = useId();
  const about = `${id}-about`;
  return (
    <div className="space-y-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children(id, about)}
      <p id={about} className="min-h-4 text-small text-muted">
        {problem ? <span className="text-failed">{problem}</span> : help}
      </p>
    </div>
  );
}

interface SectionProps {
  title: string;
  help: ReactNode;
  problem?: string | undefined;
  children: ReactNode;
}

/** A part of the form with several fields. */
export function Section({ title, help, problem, children }: SectionProps) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="space-y-2">
      <div className="border-b pb-1.5">
        <h2 id={id}>{title}</h2>
        <p className="text-small text-muted">{help}</p>
      </div>
      {children}
      {problem && <ProblemText>{problem}</ProblemText>}
    </section>
  );
}

/** What is wrong with a part that has no field of its own for it. It takes the focus when the form is sent. */
export function ProblemText({ children }: { children: ReactNode }) {
  return (
    <p role="status" data-problem tabIndex={-1} className="text-small text-failed outline-none wrap-anywhere">
      {children}
    </p>
  );
}
