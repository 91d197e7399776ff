package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/flight"
	"github.com/portico-dev/portico/seal"
)

const (
	// signingPeriod is how long a key signs before it is replaced.
	signingPeriod = 24 * time.Hour
	// checkingPeriod is how long after that the key verifies tokens: until the last one has expired, with a
	// margin for clocks.
	checkingPeriod = TokenLifetime + 10*time.Minute
	// ringFreshFor is how long the keys are cached. A key that is removed from the database is accepted for
	// at most this long.
	ringFreshFor = time.Minute
	// publishedFreshFor is the same for the published keys.
	publishedFreshFor = time.Second
	// ringDeadline bounds reading the keys. Its callers share one read.
	ringDeadline = 10 * time.Second
)

// SigningKeys are the keys of user tokens: a ring in the database that all processes share. The newest key
// signs, for a day. Each key verifies until the last of its tokens has expired. Private keys are sealed with
// the encryption keys. When those were rotated away, a new key is created, and the old tokens stay valid. It
// is safe for concurrent use.
type SigningKeys struct {
	pool    *pgxpool.Pool
	queries *db.Queries
	seals   *seal.Keyring
	log     *slog.Logger
	flight  flight.Group[struct{}]

	mutex sync.Mutex
	ring  []signingKey // the newest first
	asked time.Time    // when the ring was last read, or the read failed
}

// signingKey is one key of the ring.
type signingKey struct {
	id     string
	public *ecdsa.PublicKey
	// private is nil when the private key cannot be opened.
	private                   *ecdsa.PrivateKey
	signsUntil, verifiesUntil time.Time
}

// NewSigningKeys reads nothing. The first token creates the first key.
func NewSigningKeys(pool *pgxpool.Pool, seals *seal.Keyring, log *slog.Logger) *SigningKeys {
	return &SigningKeys{pool: pool, queries: db.New(), seals: seals, log: log}
}

// newest is the newest key. It creates a key when none may sign and can be opened here.
func (s *SigningKeys) newest(ctx context.Context) (signingKey, error) {
	if key, found := s.current(); found {
		return key, nil
	}
	err := s.share(ctx, "signer", func(ctx context.Context) error {
		if err := s.read(ctx); err != nil || s.canSign() {
			return err
		}
		return s.renew(ctx)
	})
	if err != nil {
		return signingKey{}, err
	}
	key, found := s.current()
	if !found {
		return signingKey{}, errors.New("no key to sign tokens with was made")
	}
	return key, nil
}

func (s *SigningKeys) canSign() bool {
	_, can := s.current()
	return can
}

// current is the newest known key that may sign and can be opened here.
func (s *SigningKeys) current() (signingKey, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, key := range s.ring {
		if key.private != nil && time.Now().Before(key.signsUntil) {
			return key, true
		}
	}
	return signingKey{}, false
}

// sign makes a token of a type.
func (k signingKey) sign(kind jose.ContentType, claims any) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: k.private, KeyID: k.id}},
		(&jose.SignerOptions{}).WithType(kind))
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// signature is the ES256 signature of a token whose header and claims are encoded already.
func (k signingKey) signature(unsigned string) (string, error) {
	digest := sha256.Sum256([]byte(unsigned))
	r, s, err := ecdsa.Sign(rand.Reader, k.private, digest[:])
	if err != nil {
		return "", err
	}
	var joined [64]byte
	r.FillBytes(joined[:32])
	s.FillBytes(joined[32:])
	return base64.RawURLEncoding.EncodeToString(joined[:]), nil
}

// public returns the key with this id; nil when there is none. It reads the database for an unknown id,
// because another process may have just created the key.
func (s *SigningKeys) public(ctx context.Context, id string) (*ecdsa.PublicKey, error) {
	if s.age() > ringFreshFor {
		if err := s.share(ctx, "ring", s.read); err != nil {
			s.log.WarnContext(ctx, "the keys of user tokens could not be read again; those that are known go on", "error", err)
		}
	}
	if known := s.find(id); known != nil || !isKeyID(id) {
		return known, nil
	}
	err := s.share(ctx, "key "+id, func(ctx context.Context) error {
		row, err := s.queries.SigningKeyByID(ctx, s.pool, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the key of a user token: %w", err)
		}
		key, err := s.fromRow(ctx, db.SigningKeysRow(row))
		if err == nil {
			s.add(key)
		}
		return err
	})
	return s.find(id), err
}

func (s *SigningKeys) find(id string) *ecdsa.PublicKey {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, key := range s.ring {
		if key.id == id && time.Now().Before(key.verifiesUntil) {
			return key.public
		}
	}
	return nil
}

// add appends a key for verification. It does not sign here until the ring is read again.
func (s *SigningKeys) add(key signingKey) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.ring = append(s.ring, key)
}

func (s *SigningKeys) age() time.Duration {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return time.Since(s.asked)
}

// published returns all keys that verify tokens now, as a set (RFC 7517).
func (s *SigningKeys) published(ctx context.Context) (jose.JSONWebKeySet, error) {
	if s.age() > publishedFreshFor {
		if err := s.share(ctx, "ring", s.read); err != nil {
			return jose.JSONWebKeySet{}, err
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, key := range s.ring {
		if time.Now().Before(key.verifiesUntil) {
			set.Keys = append(set.Keys, publicJWK(key.public, key.id))
		}
	}
	return set, nil
}

// share runs do once for all concurrent callers. It continues when the first caller leaves.
func (s *SigningKeys) share(ctx context.Context, what string, do func(context.Context) error) error {
	_, err := s.flight.Do(ctx, what, ringDeadline, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) })
	return err
}

// read loads the ring from the database.
func (s *SigningKeys) read(ctx context.Context) error {
	s.mutex.Lock()
	s.asked = time.Now()
	s.mutex.Unlock()
	return s.readFrom(ctx, s.pool)
}

func (s *SigningKeys) readFrom(ctx context.Context, database db.DBTX) error {
	rows, err := s.queries.SigningKeys(ctx, database)
	if err != nil {
		return fmt.Errorf("read the keys of user tokens: %w", err)
	}
	ring := make([]signingKey, 0, len(rows))
	for _, row := range rows {
		key, err := s.fromRow(ctx, row)
		if err != nil {
			return err
		}
		ring = append(ring, key)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.ring = ring
	return nil
}

// renew creates a key, unless another process has just created one.
func (s *SigningKeys) renew(ctx context.Context) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.queries.LockSigningKeys(ctx, tx); err != nil {
			return err
		}
		if err := s.readFrom(ctx, tx); err != nil || s.canSign() {
			return err
		}
		made, err := s.generate()
		if err != nil {
			return err
		}
		if err := s.queries.InsertSigningKey(ctx, tx, made); err != nil {
			return err
		}
		return s.queries.DeleteSpentSigningKeys(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("make a key for user tokens: %w", err)
	}
	return s.read(ctx)
}

func (s *SigningKeys) generate() (db.InsertSigningKeyParams, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return db.InsertSigningKeyParams{}, err
	}
	thumbprint, err := (&jose.JSONWebKey{Key: &key.PublicKey}).Thumbprint(crypto.SHA256)
	if err != nil {
		return db.InsertSigningKeyParams{}, err
	}
	id := base64.RawURLEncoding.EncodeToString(thumbprint)
	public, err := json.Marshal(publicJWK(&key.PublicKey, id))
	if err != nil {
		return db.InsertSigningKeyParams{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return db.InsertSigningKeyParams{}, err
	}
	return db.InsertSigningKeyParams{ID: id, PublicKey: public, Sealed: s.seals.Seal(private, sealedFor(id)),
		SignsFor: signingPeriod.Seconds(), VerifiesFor: (signingPeriod + checkingPeriod).Seconds()}, nil
}

func (s *SigningKeys) fromRow(ctx context.Context, row db.SigningKeysRow) (signingKey, error) {
	var public jose.JSONWebKey
	if err := json.Unmarshal(row.PublicKey, &public); err != nil {
		return signingKey{}, fmt.Errorf("key %s of user tokens: %w", row.ID, err)
	}
	point, is := public.Key.(*ecdsa.PublicKey)
	if !is {
		return signingKey{}, fmt.Errorf("key %s of user tokens is a %T", row.ID, public.Key)
	}
	key := signingKey{id: row.ID, public: point, signsUntil: fromNow(row.SignsFor), verifiesUntil: fromNow(row.VerifiesFor)}
	var err error
	if key.private, err = s.open(row); err != nil && row.SignsFor > 0 && s.find(row.ID) == nil {
		s.log.InfoContext(ctx, "a key of user tokens checks them and signs none: it cannot be opened with the encryption keys that are configured",
			"key", row.ID, "error", err)
	}
	return key, nil
}

// open decrypts a row's private key.
func (s *SigningKeys) open(row db.SigningKeysRow) (*ecdsa.PrivateKey, error) {
	encoded, err := s.seals.Open(row.Sealed, sealedFor(row.ID))
	if err != nil {
		return nil, err
	}
	private, err := x509.ParsePKCS8PrivateKey(encoded)
	if err != nil {
		return nil, err
	}
	key, is := private.(*ecdsa.PrivateKey)
	if !is {
		return nil, fmt.Errorf("it is a %T", private)
	}
	return key, nil
}

// sealedFor is the seal context of a private key.
func sealedFor(id string) string { return "signing key " + id }

func fromNow(seconds float64) time.Time {
	return time.Now().Add(time.Duration(seconds * float64(time.Second)))
}

func publicJWK(key *ecdsa.PublicKey, id string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key, KeyID: id, Algorithm: string(jose.ES256), Use: "sig"}
}

// isKeyID reports whether an id has the form of ours, which avoids database queries for others.
func isKeyID(id string) bool {
	thumbprint, err := base64.RawURLEncoding.DecodeString(id)
	return err == nil && len(thumbprint) == crypto.SHA256.Size()
}
