// Package loopback is what the servers of the development stack have in common: free TCP ports on 127.0.0.1,
// and a guard against those who do not ask for this machine.
package loopback

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// FreePorts gives ports that nobody listens on, each another. They are not reserved: somebody else may take
// one before it is used.
func FreePorts(ctx context.Context, count int) ([]int, error) {
	var config net.ListenConfig
	ports := make([]int, 0, count)
	for range count {
		listener, err := config.Listen(ctx, "tcp", Address(0))
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close()                                     // at the end only, so that no port is given twice
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port) //nolint:forcetypeassert // of a TCP listener
	}
	return ports, nil
}

// IsFree says whether nobody listens on the port.
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
