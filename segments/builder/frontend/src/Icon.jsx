/** A sign from the admin's own icon font. */
export function Icon({ name }) {
  return <span className="material-symbols-outlined" aria-hidden="true">{name}</span>;
}
