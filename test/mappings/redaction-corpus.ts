import type { JsonValue } from '../../mappings/json.js';

/** What stands in place of every secret of the corpus: no value of it is anybody's. */
export const PLANTED = 'Zq7-Planted9x';

const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

const names = (text: string): string[] => text.trim().split(/\s+/);

/** Members whose name makes their text a secret. */
export const secretNames = names(`
  password newpassword oldpassword userpassword USERPASSWORD password1 Password2 passwordHash passwd userPasswd PASSWD
  passphrase sshPassphrase passcode unlock_passcode passwort pwd adminPwd userpwd pass dbPass smtp_pass rootpass
  secret clientSecret clientsecret CLIENT_SECRET client-secret sharedSecret radius.shared.secret totpsecret totp_secret
  TOTPSecret secretValue secret_access_key webhookSecret secret2 token accesstoken access_token refreshtoken refreshToken
  authtoken auth_token idToken sessiontoken session_token unlock_token push_token TOKEN token_value tokenvalueless_token
  credential credentials userCredentials usercredentials authorization Authorization headers.Authorization
  proxy_authorization bearer authBearer jwt idJwt jwtassertion user_jwt psk wpa_psk wpapsk presharedkey pre_shared_key
  preSharedKeys privatekey private_key privateKeyPem encryptionkey encryption_key masterkey recoverykey recovery_key
  fde_key apikey apiKey APIKey x-api-key api_key_plain encryption_key_base64 accessTokenB64 accesskey access_key_material secretkey signingKey hostkeys
  storage_key license_key totp mfa.totp otp otpCode totpcode hotp pin devicePin pincode sim_pin seed mfaSeed totpseed
  mfa_seed samlResponse saml_assertion samlassertion SAMLResponse clientAssertion security_answer securityAnswers
  bypass_code bypasscode bypassCodes recovery_codes recoverycodes backup_codes scratchCode verification_code
  activation_code sms_code mfaCode one_time_code cookie session_cookie sessionCookies setCookie password_reset_url
  secret_url passwordLink password_history public_password
`);

/** Texts of which a part is a secret by its form; `§` stands where it is. */
export const secretTexts = lines(String.raw`
  the key jca_§0123456789abcdefghij was used
  jcs_§0123456789abcdefghijABCDEFGHIJ
  terraform apply with jo_§ZpJq0x7mA-3vKc9R_tYwBn5dLhEs27
  Authorization: Bearer §abc123def456
  curl -H "Authorization: Bearer §" https://api.example.test/
  sent bearer §0123456789
  Authorization: Basic dXNlcjpwYXNz§
  Basic dXNlcjpwYXNzd29y§
  Authorization: Token §
  X-Api-Key: §
  id token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0§.abc
  jwt=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0§.s1gnature_x
  -----BEGIN PRIVATE KEY----- MIIEvQIBADANBgkq§ -----END PRIVATE KEY-----
  -----BEGIN RSA PRIVATE KEY----- MIIEvQIBADANBgkq§
  cert -----BEGIN OPENSSH PRIVATE KEY----- b3Blbn§ -----END OPENSSH PRIVATE KEY----- end
  -----BEGIN ENCRYPTED PRIVATE KEY----- b3Blbn§ -----END ENCRYPTED PRIVATE KEY-----
  https://user:§@host.example.test/path
  postgres://app:§@db.example.test:5432/app
  amqps://svc:p@ss§@mq.example.test
  git clone https://§abcdefghij0123@git.example.test/repo
  redis://:§@cache.example.test:6379
  mysql -u root -p§ app
  mysqldump --single-transaction -p§ app
  mysql --password=§ app
  sshpass -p § ssh host
  sshpass -p '§ x' ssh host
  net user svc § /add
  net user svc § /add /domain
  net.exe user "svc account" § /add
  NET USER admin §
  curl -u svc:§ https://api.example.test/
  curl --user svc:§ https://api.example.test/
  wget --password=§ https://files.example.test/
  tool --password=§ --verbose
  tool --password § --verbose
  tool --token § run
  tool -password § run
  tool --api-key=§ run
  tool --client-secret "§ with blanks" run
  tool /password:§ /quiet
  msiexec /i a.msi PASSWORD=§ /qn
  export DB_PASSWORD=§
  PGPASSWORD=§ psql -h db
  AWS_SECRET_ACCESS_KEY=§ aws s3 ls
  set TOKEN=§
  password=§
  password = §
  password='§ two'
  password="§ two"
  password="a\$§"
  tool --password "DOM\§" run
  client_secret="xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx§" end
  password="§
  password='a"§'
  password=\"a\\§\"
  body {"recovery_codes": ["a1b2c3","§"]} sent
  x {"password":"ab\"§"} y
  Authorization: ApiKey §
  Authorization: SSWS §
  Cookie: a=1; sid=§
  pwd=§;Server=db
  Server=db;User Id=app;Password=§;Encrypt=true
  connect with password=§&user=app
  https://a.example.test/reset?token=§
  https://a.example.test/reset?user=1&access_token=§&x=2
  https://a.example.test/cb#id_token=§
  https://a.example.test/?api_key=§
  https://a.example.test/?client_secret=§
  https://a.example.test/?SAMLResponse=§
  https://a.example.test/x?sv=1&sig=§
  https://a.example.test/x?X-Amz-Signature=§
  https://a.example.test/login?otp=§
  redirect to /callback?token=§ done
  AKIA0123456789ABCDEF stands for §
  ghp_0123456789abcdefghijABCDEFGHIJ012345
  xoxb-123456789012-abcdef
  glpat-0123456789abcdefghij
  sk_live_0123456789abcdefghij
  https://hooks.slack.com/services/T000/B000/§
  https://hooks.slack.com/workflows/T000/A000/§
  https://discord.com/api/webhooks/123456/§
  https://discordapp.com/api/v10/webhooks/123456/§
  https://acme.webhook.office.com/webhookb2/a@b/IncomingWebhook/§/x
  https://outlook.office.com/webhook/§/IncomingWebhook/x
  https://hooks.zapier.com/hooks/catch/123/§/
  https://maker.ifttt.com/trigger/event/with/key/§
  https://api.telegram.org/bot123456:§/sendMessage
  https://events.pagerduty.com/integration/§/enqueue
  tokens//hooks.slack.com/services/T000/B000/§
  {"password":"§"}
  {"user":{"clientSecret":"§","id":"1"}}
  [{"field":"password","from":"a","to":"§"}]
  {"payload":"{\"token\":\"§\"}"}
  {"a":"Bearer §abcdef"}
  curl -d '{"password":"§"}' https://a.example.test
  request {"token": "§", "id": 1} was refused
  {"password":"§", cut short
  {'password': '§'}
  wrong password: §
  token: §
  secret: "§ x"
  Set-Cookie: §=1
  dscl . -passwd /Users/svc §
  echo "svc:§" | chpasswd
  echo svc:§ | sudo chpasswd
  ConvertTo-SecureString "§ x" -AsPlainText -Force
  ConvertTo-SecureString -String "§" -AsPlainText
  sysadminctl -addUser svc -password §
  LDAP bind with bindpw, userPassword=§
  psk=§
  wpa_psk=§
  pin=§
`);

/** Records in which one member says that another is a secret. */
export const secretPairs: JsonValue[] = [
  ...names(`field key name attribute path property parameter setting header variable option uri fieldName attributeName
    propertyName configFieldName customValueName FieldName field_name Field NAME`).map((label) => ({
    [label]: 'wifiPassword',
    value: PLANTED,
  })),
  ...names('value values val from to old new oldValue new_value before after Value From To previous current').map(
    (labelled) => ({
      name: 'clientsecret',
      [labelled]: PLANTED,
    }),
  ),
  { name: 'Authorization', value: `Bearer ${PLANTED}` },
  { op: 'replace', path: 'password', value: PLANTED },
  { op: 'add', path: 'urn:ietf:params:scim:schemas:core:2.0:User:password', value: PLANTED },
  { op: 'replace', value: { password: PLANTED } },
  { name: 'psk', val: PLANTED },
  { Field: 'USERPASSWORD', From: PLANTED, To: `${PLANTED}2` },
  { configFieldID: 'c3', configFieldName: 'uploadData', sensitive: true, value: PLANTED },
  { configFieldID: 'c3', sensitive: true, value: [{ inner: PLANTED }] },
  { custom: { name: 'anything', sensitive: true, content: PLANTED } },
  { isSensitive: 'true', name: 'x', value: PLANTED },
  { mfa_token: 482910 },
  { [`${'a'.repeat(250)}_password`]: PLANTED },
  { field: `${'long '.repeat(60)}password`, to: PLANTED },
];

/** Members whose name holds a secret word, or looks as if it did, and whose text is none. */
export const harmlessNames = names(`
  password_expires_in password_attempts password_attempts_remaining password_strength password_complexity
  password_manager passwordManager password_recovery_email password_reset password_warning password_sync
  admin_password_reset bootstrap_token_escrowed otpVerified token_binding secret_rotation_interval primary_key
  partition_key key_layout jumpcloud_go_key password_expiration_date passwordless_sudo password_status tokenType key_id
  apiKeyPrefix apiKeyUpdatedAt public_key key_fingerprint auth_method monkey hockey_keyboard_layout country_code mapping
  password_never_expires sso_token_success keyboard hotkey keychain passwordless input_tokens_count token_expires_in
  totp_enabled pin_required pinned passport compass bypass secretary secretary_name undersecretary secretariat secretion
  passenger passage passive encompass trespass surpass underpass compassion password_policy passwordpolicy
  passwordexpired passwordexpirationdate passwordneverexpires passwordlastset pwdLastSet passwordid token_id tokenid
  token_type token_url token_count tokenize tokenization tokenizer betoken key_name keyid keyword keywords keynote
  keystroke keyhole turkey whiskey jockey donkey passkey passkey_name latchkey yubikey foreign_key sort_key cache_key
  registry_key row_key idempotency_key object_key credential_id credential_type credentialed credential_name
  authorization_type authorizations authorized authority authorization_endpoint author authenticator bearer_type
  torchbearer cookie_policy cookies_enabled cookie_consent seedling proceed seeded linseed reseed pinboard shipping
  opinion spinning pinging pineapple footpath laptop hotpot adoptions cryptography error_code status_code region_code
  zip_code postcode barcode decode event_code activity_code verification_method recovery_email backup_time bypass_reason
  saml_issuer saml_provider assertion_consumer_service_name answer_count question session session_id sid
  secret_name secretid secret_version secret_count seed_count is_totp has_password withoutPassword token_issuer token_audience
  api_key_id apikeyid api_key_owner access_key_id password_hint password_rules password_min_length password_change_required
`);

/** Texts that hold no secret, though some speak of them. */
export const harmlessTexts = lines(String.raw`
  invalid token: signature mismatch
  Password: must contain eight characters
  The password is wrong.
  password=
  password=***
  password=[hidden]
  password=$PASSWORD
  tool --password $DB_PASSWORD run
  tool --password=%PASSWORD% run
  tool --token-type bearer
  tool --password --verbose
  password_expires_in=30
  https://a.example.test/login?token_type=bearer
  Basic authentication
  bearer authentication is on
  Basic Authentication failed
  https://host.example.test:8443/path
  https://host.example.test:443?email=a@b.example.test
  mailto:user@example.test
  ssh://git@git.example.test/repo
  net user svc /add
  net use
  the net user count is 5
  key=value
  monkey=banana123
  keyboard=qwerty12
  password reset for a@example.test
  -----BEGIN CERTIFICATE----- MIIB -----END CERTIFICATE-----
  -----BEGIN PUBLIC KEY----- MIIB -----END PUBLIC KEY-----
  Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36
  https://hooks.example.test/about
  https://slack.com/help
  Asia/Tokyo
  {"sso_token_success":true}
  {"token_count": 5}
  [1, 2, 3]
  {not json
  token: expired
  token expired: 2026-04-21T14:37:21Z
  error: password: too short
  How do I rotate keys?
  pin code required
  jca_
  jca_short
  jo_is_the_name_of_a_job_that_runs_every_night
  eyJ is how a token begins
  C:\Program Files\KeePass\keepass.exe
  urn:ietf:params:scim:schemas:core:2.0:User:password
  Keys to the office: see reception
  sudo -u postgres psql
  cp -p a b
  mysql -h db -P 3306 app
  curl -u https://a.example.test
  session=abc
`);

/** Objects and values that stay. */
export const harmlessValues: JsonValue[] = [
  { name: 'Password Manager', value: 'on' },
  { name: 'Cookie Clicker', to: 'installed' },
  { field: 'password_expires_in', from: 1, to: 2 },
  { field: 'department', from: 'Sales', to: 'Keys' },
  { secure_token: 'granted' },
  { bootstrap_token: 'escrowed' },
  { otp: 'enabled' },
  { password_history: 5 },
  { passwordManager: { vaults: 'two' } },
  { sensitive: true, event_type: 'x', id: '1', note: 'a record as a whole' },
  { sensitive: false, name: 'x', value: 'y' },
  { sso_token_success: 1, input_tokens: 512 },
  { path: '/users', value: 'x' },
  { key: 'department', value: 'Sales' },
];
