interface FeatureFlagsProps {
  names: readonly string[];
  on: ReadonlySet<string>;
  onToggle: (name: string) => void;
}

/** The flags behind which a template hides a part of its form. */
export function FeatureFlags({ names, on, onToggle }: FeatureFlagsProps) {
  if (names.length === 0) return null;
  return (
    <details>
      <summary className="text-small text-muted">Parts of this form are experimental</summary>
      <fieldset className="mt-1 space-y-1">
        <legend className="text-muted">Show those behind a feature flag, in this browser:</legend>
        {names.map((name) => (
          <label key={name} className="flex cursor-pointer gap-2">
            <input
              type="checkbox"
              checked={on.has(name)}
              onChange={() => onToggle(name)}
              className="mt-0.5 size-4 shrink-0 accent-accent"
            />
            <code className="font-mono">{name}</code>
          </label>
        ))}
      </fieldset>
    </details>
  );
}
