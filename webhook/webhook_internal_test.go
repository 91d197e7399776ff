package webhook

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
)

// TestAMessageIsSignedAsStandardWebhooksDoes compares with the example of its reference libraries.
func TestAMessageIsSignedAsStandardWebhooksDoes(t *testing.T) {
	t.Parallel()
	secret, err := config.DecodeWebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)))
}
