// Package loopback has what the servers of the development stack share: free TCP ports on 127.0.0.1, and a
// guard against foreign Host headers.
package loopback

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// FreePorts returns distinct ports that are free now. They are not reserved: another process may take one
// before it is used.
func FreePorts(ctx context.Context, count int) ([]int, error) {
	var config net.ListenConfig
	ports := make([]int, 0, count)
	for range count {
		listener, err := config.Listen(ctx, "tcp", Address(0))
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close()                                     // closed at the end, so that no port is returned twice
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port) //nolint:forcetypeassert // of a TCP listener
	}
	return ports, nil
}

// IsFree reports whether nobody listens on the port.
func IsFree(ctx context.Context, port int) bool {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", Address(port))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

// Address is host:port on 127.0.0.1.
func Address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
