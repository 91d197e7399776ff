package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// loaded is what one system answered under load.
type loaded struct {
	// latencies are those of all requests, the shortest first.
	latencies []time.Duration
	took      time.Duration
	cpu       usage
}

func (l loaded) perSecond() float64 { return float64(len(l.latencies)) / seconds(l.took) }

// cpuEach is the CPU time of one request, PostgreSQL's included.
func (l loaded) cpuEach() time.Duration {
	return (l.cpu.program + l.cpu.postgres) / time.Duration(max(1, len(l.latencies)))
}

// quantile is the latency that this share of the requests stayed below.
func (l loaded) quantile(share float64) time.Duration {
	return l.latencies[int(share*float64(len(l.latencies)-1))]
}

// send asks over some connections for one path after another, each for another one, until the period is over. What was asked by then is
// waited for, and counts.
func (s *system) send(ctx context.Context, paths []string, connections int, period time.Duration) (loaded, error) {
	// A connection that gets no answer for so long gets none any more.
	const patience = time.Minute
	began := time.Now()
	deadline := began.Add(period)
	latencies, failures := make([][]time.Duration, connections), make([]error, connections)
	var working sync.WaitGroup
	for i := range connections {
		working.Go(func() {
			c, err := s.connect(ctx, deadline.Add(patience))
			if err != nil {
				failures[i] = err
				return
			}
			defer c.Close()
			for n := i; time.Now().Before(deadline) && ctx.Err() == nil; n += connections {
				asked := time.Now()
				if failures[i] = c.get(paths[n%len(paths)]); failures[i] != nil {
					return
				}
				latencies[i] = append(latencies[i], time.Since(asked))
			}
		})
	}
	working.Wait()
	l := loaded{latencies: slices.Sorted(slices.Values(slices.Concat(latencies...))), took: time.Since(began)}
	var nothing error
	if len(l.latencies) == 0 {
		nothing = errors.New("nothing was answered")
	}
	return l, errors.Join(errors.Join(failures...), nothing, ctx.Err())
}

// connection is one HTTP connection. It understands only as much of HTTP as both systems use, because what the load costs
// is taken from the system that is measured.
type connection struct {
	net.Conn
	reader *bufio.Reader
	host   string
}

func (s *system) connect(ctx context.Context, deadline time.Time) (*connection, error) {
	host := strings.TrimPrefix(s.base, "http://")
	c, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(deadline); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &connection{Conn: c, reader: bufio.NewReaderSize(c, 64<<10), host: host}, nil
}

// get sends one request and reads the response.
func (c *connection) get(path string) error {
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", path, c.host, token); err != nil {
		return err
	}
	status, err := c.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("%s was answered with %s", path, bytes.TrimSpace(status))
	}
	length, err := c.head()
	if err != nil {
		return fmt.Errorf("the response to %s: %w", path, err)
	}
	if length >= 0 {
		_, err = c.reader.Discard(length)
		return err
	}
	return c.chunks()
}

// head reads the header of a response, and returns the length of its body: -1 when it is in chunks.
func (c *connection) head() (length int, err error) {
	length = -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			return length, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		}
	}
}

// chunks reads a body in chunks.
func (c *connection) chunks() error {
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		// A line ends each chunk, and the last one, which is empty.
		if _, err := io.CopyN(io.Discard, c.reader, size+int64(len("\r\n"))); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
	}
}
