/**
 * What happens while the stack comes up: each step as a line that stays; on a terminal also a last
 * line that says what is being waited for, with the seconds.
 */
import type { SupervisorEvent } from '../../local/stack/supervisor.ts';
import type { Screen } from './screen.ts';
import type { Style } from './style.ts';

export interface StartView {
  readonly onEvent: (event: SupervisorEvent) => void;
  /** A step of long work that replaces the one before it, for example a count of files. */
  readonly progress: (step: string) => void;
  /** Takes the last line away; events go on being told as lines. */
  readonly close: () => void;
}

const TICK_MS = 1_000;

export function createStartView(
  screen: Screen,
  style: Style,
  say: (line: string) => void,
): StartView {
  const starting = new Map<string, number>();
  let step: { readonly text: string; readonly at: number } | null = null;
  let open = true;
  const draw = (): void => {
    if (!open) return;
    const waits = [...starting].map(([service, at]) => `${service} ${seconds(at)} s`);
    if (step !== null) waits.push(`${step.text} ${seconds(step.at)} s`);
    screen.draw(waits.length === 0 ? [] : ['', style.dim(`  waiting for ${waits.join(', ')}`)]);
  };
  const timer = setInterval(draw, TICK_MS);
  return {
    onEvent: (event) => {
      if (event.kind === 'starting') {
        starting.set(event.service, performance.now());
        step = null;
      } else {
        starting.delete(event.service);
        say(describe(event));
      }
      draw();
    },
    progress: (text) => {
      step = { text, at: performance.now() };
      if (screen.live) draw();
      else say(text);
    },
    close: () => {
      clearInterval(timer);
      screen.draw([]);
      open = false;
    },
  };
}

function seconds(since: number): number {
  return Math.floor((performance.now() - since) / 1000);
}

function describe(event: SupervisorEvent): string {
  const { service } = event;
  switch (event.kind) {
    case 'started':
      return `${service} is up (pid ${event.pid})`;
    case 'restarted':
      return `${service} is up again (pid ${event.pid})`;
    case 'ended':
      return `${service} ended by itself (${event.how}); starting it again`;
    case 'failed':
      return `${service} did not start (${event.how}); trying again`;
    case 'stopped':
      return `${service} stopped`;
    case 'starting':
      return `${service} is starting`;
    default:
      return event satisfies never;
  }
}
