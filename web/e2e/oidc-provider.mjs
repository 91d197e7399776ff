// An OpenID provider with a login page and a page that asks for consent, in a process of its own:
// node oidc-provider.mjs ISSUER CALLBACK AFTER_SIGN_OUT
import { Provider } from 'oidc-provider';

const [issuer, callback, afterSignOut] = process.argv.slice(2);

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'portico',
      client_secret: 'a secret of the client',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [callback],
      post_logout_redirect_uris: [afterSignOut],
    },
  ],
  claims: { email: ['email', 'email_verified'], profile: ['name'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: `${id} of the provider` }),
  }),
  features: { devInteractions: { enabled: true }, revocation: { enabled: true } },
  pkce: { required: () => true },
  // A refresh token is accepted once, and its successor and it end if it is used again.
  rotateRefreshToken: true,
  cookies: { keys: ['a key for these tests only'] },
});

provider.listen(Number(new URL(issuer).port), '127.0.0.1');
