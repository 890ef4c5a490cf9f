import type { StackInfo } from "../../server/schemas.ts";
import { Menu } from "./menu.tsx";

/** Stacks in place of those that scenarios name themselves. */
export function StackPicker(
  { infos, stacks, onStacks }: {
    readonly infos: readonly StackInfo[];
    readonly stacks: readonly string[];
    readonly onStacks: (stacks: readonly string[]) => void;
  },
) {
  return (
    <Menu
      label={stacks.length === 0
        ? "Stacks: each scenario's own"
        : `Stacks: ${stacks.join(", ")}`}
    >
      <fieldset>
        <legend>
          Stacks for every scenario; the first chosen is the baseline
        </legend>
        {infos.map(({ name, about }) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={stacks.includes(name)}
              onChange={(event) =>
                onStacks(
                  event.currentTarget.checked
                    ? [...stacks, name]
                    : stacks.filter((one) => one !== name),
                )}
            />
            <span>
              <b>{name}</b>
              <span class="note">{about}</span>
            </span>
          </label>
        ))}
        <button
          type="button"
          disabled={stacks.length === 0}
          onClick={() => onStacks([])}
        >
          Each scenario's own
        </button>
      </fieldset>
    </Menu>
  );
}
