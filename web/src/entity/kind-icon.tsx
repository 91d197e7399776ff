import {
  Blocks,
  Box,
  Cylinder,
  FileBox,
  Globe,
  type LucideIcon,
  MapPin,
  Plug,
  Shapes,
  User,
  Users,
} from 'lucide-react';

const icons: Record<string, LucideIcon> = {
  api: Plug,
  component: Box,
  domain: Globe,
  group: Users,
  location: MapPin,
  resource: Cylinder,
  system: Blocks,
  template: FileBox,
  user: User,
};

export function KindIcon({ kind, size = 14 }: { kind: string; size?: number }) {
  const Icon = icons[kind.toLowerCase()] ?? Shapes;
  return <Icon size={size} aria-hidden className="shrink-0 text-muted" />;
}
