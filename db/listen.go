package db

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const reconnectDelay = time.Second

// Listener wakes followers on Postgres notifications (LISTEN/NOTIFY). A notification only says that a
// follower should look. After a lost connection every follower is woken once, so that none misses a change.
type Listener struct {
	pool    *pgxpool.Pool
	channel string
	log     *slog.Logger

	mu        sync.Mutex
	followers map[string]map[chan struct{}]struct{}
}

// NewListener makes a listener for a channel. Run starts it.
func NewListener(pool *pgxpool.Pool, channel string, log *slog.Logger) *Listener {
	return &Listener{pool: pool, channel: channel, log: log, followers: map[string]map[chan struct{}]struct{}{}}
}

// Run holds one connection and listens until ctx ends. It reconnects by itself.
func (l *Listener) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		l.listenUntilInterrupted(ctx)
	}
	return nil
}

func (l *Listener) listenUntilInterrupted(ctx context.Context) {
	err := l.listen(ctx)
	if ctx.Err() != nil {
		return
	}
	l.log.WarnContext(ctx, "listening to the database was interrupted", "channel", l.channel, "error", err)
	select {
	case <-ctx.Done():
	case <-time.After(reconnectDelay):
	}
}

func (l *Listener) listen(ctx context.Context) error {
	conn, err := l.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	// A connection that listens must not return to the pool: it is closed.
	raw := conn.Hijack()
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), reconnectDelay)
		defer cancel()
		_ = raw.Close(closing)
	}()
	if _, err := raw.Exec(ctx, "listen "+l.channel); err != nil {
		return err
	}
	l.wakeAll()
	for {
		told, err := raw.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		l.wake(told.Payload)
	}
}

// Follow returns a channel that receives a value for each notification with the topic as payload.
// Notifications that arrive before the last value was received are merged into one. The caller calls stop
// when it is done.
func (l *Listener) Follow(topic string) (wake <-chan struct{}, stop func()) {
	follower := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.followers[topic] == nil {
		l.followers[topic] = map[chan struct{}]struct{}{}
	}
	l.followers[topic][follower] = struct{}{}
	return follower, func() { l.leave(topic, follower) }
}

func (l *Listener) leave(topic string, follower chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.followers[topic], follower)
	if len(l.followers[topic]) == 0 {
		delete(l.followers, topic)
	}
}

func (l *Listener) wake(topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for follower := range l.followers[topic] {
		nudge(follower)
	}
}

func (l *Listener) wakeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, followers := range l.followers {
		for follower := range followers {
			nudge(follower)
		}
	}
}

func nudge(follower chan struct{}) {
	select {
	case follower <- struct{}{}:
	default:
	}
}
