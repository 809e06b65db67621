/** Where the page begins. */

import './styles/base.css';
import './styles/layout.css';
import './styles/timeline.css';
import './styles/parts.css';

import { render } from 'preact';

import { ApiError, messageOf, onReturn } from './api/client';
import { App, show } from './app';
import { openLink } from './document/exchange';
import { openError } from './header';
import { followRenders } from './renders';
import { loadModels, loadSchema } from './schema';
import { listen } from './shortcuts';
import { followAnalysis } from './song/analysis';
import { followPeaks } from './song/peaks';
import { followPlayer } from './song/player';
import { followSong, loadSongs, songError } from './song/song';
import { refresh } from './timeline/palette';
import { followView } from './timeline/view';

async function start(): Promise<void> {
  try {
    await Promise.all([loadSchema(), loadModels()]);
    await openLink();
  } catch (error) {
    const plain = !(error instanceof ApiError);
    (plain ? openError : songError).value = messageOf(error);
  }
  void loadSongs();
  followSong();
  followPeaks();
  followPlayer();
  followAnalysis();
  followView();
  followRenders();
}

const root = document.getElementById('app');
if (root) render(<App />, root);
refresh();
listen(show);
onReturn(() => void Promise.all([loadSchema(), loadModels()]).catch(() => undefined));
void start();
