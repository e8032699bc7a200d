import { createContext, useContext } from "react";

/** What is the same everywhere on the page: the language, the names, the addresses. */
export const PageContext = createContext(null);
/** What is the same within one tree: where its nodes stand, what is wrong with them, how it changes. */
export const TreeContext = createContext(null);

export const usePage = () => useContext(PageContext);
export const useTree = () => useContext(TreeContext);
