import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useRouter } from '@tanstack/react-router';
import {
  BookOpen,
  House,
  LayoutGrid,
  type LucideIcon,
  PanelLeft,
  Play,
  Plus,
  Search,
  UserRound,
  Users,
} from 'lucide-react';
import { useEffect, useState } from 'react';
import { infoQuery, roleAccessQuery, sessionQuery } from '@/api/queries';
import { humanizeRef } from '@/entity/ref';
import { useTitle } from '@/entity/titles';
import { classNames } from '@/ui/class-names';
import { useMedia } from '@/ui/media';
import { Menu, MenuChoice, MenuChoices, MenuItem, MenuNote, MenuSeparator } from '@/ui/menu';
import { Key } from '@/ui/tag';
import { Palette, usePalette } from './palette';
import { Reachability } from './reachability';
import { isTheme, useTheme } from './theme';

const collapsedKey = 'portico.rail';

/** The frame around all pages: the rail on the left, the search and the user menu at the top. */
export function Frame({ onSignOut }: { onSignOut: () => void }) {
  const [collapsed, toggle] = useRail();
  const palette = usePalette();
  useFocusOnArrival();
  return (
    <div className="flex min-h-dvh flex-col sm:flex-row">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-raised focus:p-2"
      >
        Skip to the content
      </a>
      <Rail collapsed={collapsed} onToggle={toggle} />
      <div className="flex min-w-0 grow flex-col">
        <header className="sticky top-0 z-20 flex h-12 shrink-0 items-center gap-2 border-b bg-page px-4 sm:px-6 print:hidden">
          <button
            type="button"
            onClick={palette.open}
            className="flex min-h-8 w-full max-w-md min-w-0 items-center gap-2 rounded-md border bg-raised px-2.5 text-muted hover:border-edge"
          >
            <Search size={16} aria-hidden />
            <span className="min-w-0 grow truncate text-left">Search</span>
            <Key>/</Key>
          </button>
          <span className="sm:grow" />
          <Person onSignOut={onSignOut} />
        </header>
        <main id="content" tabIndex={-1} className="min-w-0 grow px-4 py-5 outline-none sm:px-6">
          <Outlet />
        </main>
      </div>
      <Palette {...palette} />
      <Reachability />
    </div>
  );
}

/** Whether the rail shows icons only: by the user's choice or, without one, in narrow windows. */
function useRail(): [collapsed: boolean, toggle: () => void] {
  const [chosen, setChosen] = useState(() => localStorage.getItem(collapsedKey));
  const roomy = useMedia('(width >= 72rem)');
  const collapsed = chosen ? chosen === 'narrow' : !roomy;
  const toggle = () => {
    const next = collapsed ? 'wide' : 'narrow';
    localStorage.setItem(collapsedKey, next);
    setChosen(next);
  };
  return [collapsed, toggle];
}

/**
 * Moves the focus to a new page when the focused element is gone, so that Tab and screen readers continue
 * there instead of at the top.
 */
function useFocusOnArrival() {
  const router = useRouter();
  useEffect(
    () =>
      router.subscribe('onRendered', ({ fromLocation, pathChanged }) => {
        if (!fromLocation || !pathChanged || document.activeElement !== document.body) return;
        document.getElementById('content')?.focus({ preventScroll: true });
      }),
    [router],
  );
}

function Rail({ collapsed, onToggle }: { collapsed: boolean; onToggle: () => void }) {
  const { data: info } = useQuery(infoQuery);
  const { data: roles } = useQuery({ ...roleAccessQuery, enabled: info?.roles === true });
  return (
    <nav
      aria-label="Main"
      className={classNames(
        'order-last sticky bottom-0 z-20 flex shrink-0 justify-around border-t bg-rail p-1 print:hidden',
        'sm:order-first sm:top-0 sm:h-dvh sm:flex-col sm:justify-start sm:gap-0.5 sm:border-t-0 sm:border-r sm:p-2',
        collapsed ? 'sm:w-13' : 'sm:w-48',
      )}
    >
      <div className="hidden h-8 items-center gap-2 px-2 sm:mb-3 sm:flex">
        <img src="/icon.svg" alt="" width={18} height={18} className={classNames(collapsed && 'mx-auto')} />
        {!collapsed && <span className="truncate font-semibold">{info?.title ?? 'Portico'}</span>}
      </div>
      <RailLink to="/" icon={House} label="Home" collapsed={collapsed} />
      <RailLink to="/catalog" icon={LayoutGrid} label="Catalog" collapsed={collapsed} />
      <RailLink to="/create" icon={Plus} label="Create" collapsed={collapsed} />
      <RailLink to="/runs" icon={Play} label="Runs" collapsed={collapsed} />
      <RailLink to="/docs" icon={BookOpen} label="Docs" collapsed={collapsed} />
      {roles && roles.read !== 'DENY' && <RailLink to="/roles" icon={Users} label="Roles" collapsed={collapsed} />}
      <button
        type="button"
        aria-expanded={!collapsed}
        aria-label={collapsed ? 'Widen the navigation' : 'Narrow the navigation'}
        title={collapsed ? 'Widen the navigation' : 'Narrow the navigation'}
        onClick={onToggle}
        className="mt-auto hidden size-9 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-ink sm:inline-flex"
      >
        <PanelLeft size={16} aria-hidden />
      </button>
    </nav>
  );
}

interface RailLinkProps {
  to: '/' | '/catalog' | '/create' | '/runs' | '/docs' | '/roles';
  icon: LucideIcon;
  label: string;
  collapsed: boolean;
}

function RailLink({ to, icon: Icon, label, collapsed }: RailLinkProps) {
  return (
    <Link
      to={to}
      activeOptions={{ exact: to === '/', includeSearch: false }}
      className="flex min-h-9 flex-col items-center gap-0.5 rounded-md px-2 py-1 text-small text-muted hover:bg-hover hover:text-ink aria-[current=page]:bg-hover aria-[current=page]:text-ink sm:min-h-8 sm:flex-row sm:gap-2.5 sm:px-2 sm:text-base sm:aria-[current=page]:font-medium"
      title={collapsed ? label : undefined}
    >
      <Icon size={16} aria-hidden className={classNames('shrink-0', collapsed && 'sm:mx-auto')} />
      <span className={classNames(collapsed && 'sm:sr-only')}>{label}</span>
    </Link>
  );
}

function Person({ onSignOut }: { onSignOut: () => void }) {
  const router = useRouter();
  const { data: session } = useQuery(sessionQuery);
  const { data: info } = useQuery(infoQuery);
  const [theme, setTheme] = useTheme();
  const ref = session?.backstageIdentity.identity.userEntityRef;
  const title = useTitle(ref);
  const name = session?.profile.displayName ?? title ?? (ref && humanizeRef(ref, 'user'));
  return (
    <Menu
      trigger={
        <button
          type="button"
          aria-label={`You: ${name ?? 'signed in'}`}
          className="inline-flex min-h-8 items-center gap-2 rounded-md px-2 text-muted hover:bg-hover hover:text-ink"
        >
          <UserRound size={16} aria-hidden />
          <span className="hidden max-w-40 truncate sm:inline">{name}</span>
        </button>
      }
    >
      <MenuNote>
        <p className="font-medium">{name}</p>
        <p className="text-small text-muted">{ref}</p>
      </MenuNote>
      <MenuSeparator />
      <MenuChoices label="Theme" value={theme} onChange={(value) => isTheme(value) && setTheme(value)}>
        <MenuChoice value="system">Like the system</MenuChoice>
        <MenuChoice value="light">Light</MenuChoice>
        <MenuChoice value="dark">Dark</MenuChoice>
      </MenuChoices>
      <MenuSeparator />
      <MenuItem onSelect={() => router.navigate({ to: '/me' })}>Who I am</MenuItem>
      <MenuItem onSelect={() => router.navigate({ to: '/audit' })}>Audit log</MenuItem>
      <MenuItem onSelect={() => router.navigate({ to: '/explain' })}>Permissions</MenuItem>
      <MenuItem onSelect={onSignOut}>Sign out</MenuItem>
      {info && (
        <>
          <MenuSeparator />
          <MenuNote>
            <span className="text-small text-muted">Portico {info.version}</span>
          </MenuNote>
        </>
      )}
    </Menu>
  );
}
