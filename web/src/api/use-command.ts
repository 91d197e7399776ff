import { type UseMutationOptions, useMutation } from '@tanstack/react-query';
import { useRef } from 'react';

export interface Command {
  /** Begins the command, unless it is under way. */
  start: () => void;
  /** True from the start until it was answered and everything that follows from the answer is done. */
  busy: boolean;
  error: Error | null;
  /** Forgets the error. */
  reset: () => void;
}

type Options<Answer> = Pick<UseMutationOptions<Answer>, 'onSuccess' | 'onSettled'>;

/**
 * Something that a button does on the server. It is done once, however fast somebody clicks: whether it is under way is
 * known at the click and not at the next drawing of the page.
 */
export function useCommand<Answer>(act: () => Promise<Answer>, options: Options<Answer> = {}): Command {
  const underWay = useRef(false);
  const { mutate, isPending, error, reset } = useMutation({
    mutationFn: act,
    // A browser that takes itself for offline may still reach a Portico nearby; else the command would wait for ever.
    networkMode: 'always',
    ...options,
  });
  const start = () => {
    if (underWay.current) return;
    underWay.current = true;
    mutate(undefined, {
      onSettled: () => {
        underWay.current = false;
      },
    });
  };
  return { start, busy: isPending, error, reset };
}
