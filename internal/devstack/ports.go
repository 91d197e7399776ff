package devstack

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/portico-dev/portico/internal/devstack/loopback"
)

// PortBook stores the port of each server in the data directory, so that a server gets the same port the next
// time and links to it stay valid. It is safe for concurrent use.
type PortBook struct {
	file string

	mu    sync.Mutex
	ports map[string]int
}

// openPortBook reads the stored ports. An unreadable file is treated as empty: ports are a convenience, not
// data.
func openPortBook(directory string) *PortBook {
	book := &PortBook{file: filepath.Join(directory, "ports.json"), ports: map[string]int{}}
	if content, err := os.ReadFile(book.file); err == nil {
		if json.Unmarshal(content, &book.ports) != nil || book.ports == nil {
			book.ports = map[string]int{}
		}
	}
	return book
}

// Port is the port on 127.0.0.1 for the server with this name: the stored one if it is free now, else another
// free one that no other name has.
func (b *PortBook) Port(ctx context.Context, name string) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if port := b.ports[name]; port != 0 && loopback.IsFree(ctx, port) {
		return port, nil
	}
	// With one port more than there are names, at least one is unused.
	free, err := loopback.FreePorts(ctx, len(b.ports)+1)
	if err != nil {
		return 0, err
	}
	known := slices.Collect(maps.Values(b.ports))
	free = slices.DeleteFunc(free, func(port int) bool { return slices.Contains(known, port) })
	b.ports[name] = free[0]
	return free[0], b.save()
}

func (b *PortBook) save() error {
	content, err := json.MarshalIndent(b.ports, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.file, append(content, '\n'), 0o644); err != nil {
		return fmt.Errorf("remember ports: %w", err)
	}
	return nil
}
