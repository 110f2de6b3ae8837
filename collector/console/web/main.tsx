import { render } from 'preact';
import { useEffect } from 'preact/hooks';
import { LocationProvider, lazy, Route, Router } from 'preact-iso';
import './app.css';
import { ask, Refusal } from './api.js';
import { FeedList } from './feed-list.js';
import { Frame } from './frame.js';
import { hasOneTimeToken, LoginAgain, LoginPage, takeOneTimeToken } from './login.js';
import { Heading } from './page.js';
import { loggedIn, loggedOut, proof, takeProofFromTabs, useSession } from './session.js';

const ChooseSource = lazy(() => import('./add-feed.js').then((page) => page.ChooseSource));
const ChooseMethod = lazy(() => import('./add-feed.js').then((page) => page.ChooseMethod));
const ContactInformation = lazy(() => import('./add-feed.js').then((page) => page.ContactInformation));
const Configuration = lazy(() => import('./add-feed.js').then((page) => page.Configuration));
const FeedPage = lazy(() => import('./feed-page.js').then((page) => page.FeedPage));
const FindingPage = lazy(() => import('./finding-page.js').then((page) => page.FindingPage));
const EntryPage = lazy(() => import('./entry-page.js').then((page) => page.EntryPage));
const QueryPage = lazy(() => import('./query-page.js').then((page) => page.QueryPage));
const ResponsePage = lazy(() => import('./response-page.js').then((page) => page.ResponsePage));
const NewActionPage = lazy(() => import('./response-new.js').then((page) => page.NewActionPage));
const ActionPage = lazy(() => import('./response-action.js').then((page) => page.ActionPage));
const UsersPage = lazy(() => import('./users-page.js').then((page) => page.UsersPage));
const TokensPage = lazy(() => import('./tokens-page.js').then((page) => page.TokensPage));
const AuditPage = lazy(() => import('./audit-page.js').then((page) => page.AuditPage));
const AboutPage = lazy(() => import('./about-page.js').then((page) => page.AboutPage));

function NotFound() {
  return (
    <Frame crumbs={[{ label: 'Data', href: '/feeds' }]}>
      <Heading>No such page</Heading>
      <p>
        <a href="/feeds">All data feeds</a>
      </p>
    </Frame>
  );
}

function Console() {
  const session = useSession();
  useEffect(() => {
    const look = () =>
      ask('whoAmI').then(loggedIn, (error) => {
        // Refused: the login is shown already.
        if (!(error instanceof Refusal)) loggedOut();
      });
    takeProofFromTabs(look);
    if (hasOneTimeToken() || proof() === undefined) loggedOut();
    else void look();
  }, []);
  if (session.kind === 'unknown') return <p class="loading">Loading…</p>;
  if (session.kind === 'out') return <LoginPage />;
  return (
    <LocationProvider>
      <Router>
        <Route path="/" component={FeedList} />
        <Route path="/feeds" component={FeedList} />
        <Route path="/add/source" component={ChooseSource} />
        <Route path="/add/method" component={ChooseMethod} />
        <Route path="/add/contact" component={ContactInformation} />
        <Route path="/add/configuration" component={Configuration} />
        <Route path="/feeds/:name" component={FeedPage} />
        <Route path="/feeds/:name/:tab" component={FeedPage} />
        <Route path="/feeds/:name/findings/:finding" component={FindingPage} />
        <Route path="/feeds/:name/directory/:kind/:id" component={EntryPage} />
        <Route path="/query" component={QueryPage} />
        <Route path="/response" component={ResponsePage} />
        <Route path="/response/new" component={NewActionPage} />
        <Route path="/response/:feed/:id" component={ActionPage} />
        <Route path="/users" component={UsersPage} />
        <Route path="/tokens" component={TokensPage} />
        <Route path="/audit" component={AuditPage} />
        <Route path="/about" component={AboutPage} />
        <Route default component={NotFound} />
      </Router>
      {session.ended && <LoginAgain />}
    </LocationProvider>
  );
}

takeOneTimeToken();
const place = document.getElementById('console');
if (place !== null) render(<Console />, place);
