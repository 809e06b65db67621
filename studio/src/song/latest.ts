/** One request at a time, and always one about the newest wish: what keeps a slider live however fast it moves. */

export class Latest<Wish, Answer> {
  private running = false;
  private next: { wish: Wish } | null = null;

  constructor(
    private readonly ask: (wish: Wish) => Promise<Answer>,
    private readonly done: (answer: Answer, wish: Wish) => void,
    private readonly failed: (error: unknown) => void,
  ) {}

  want(wish: Wish): void {
    this.next = { wish };
    if (!this.running) void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.next) {
      const { wish } = this.next;
      this.next = null;
      try {
        this.done(await this.ask(wish), wish);
      } catch (error) {
        if (!this.next) this.failed(error);
      }
    }
    this.running = false;
  }
}
